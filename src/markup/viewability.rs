//! The exchange's viewability snippet for web placements with a minimum display time (R-DISPLAY: on screen, wholly and clearly
//! visible, for at least that long).
//!
//! It stands inline in the ad and needs nothing. What it watches is the element that it stands in, or the whole frame when it stands
//! in the frame's body. The ad counts once all of that, and no less than the ad's own size, has been inside the browser's viewport and
//! every frame around it, in a visible tab, for the minimum without a break; then each URL is asked for once. One pixel a side is left
//! to rounding. What it does not see is an element of the page on top of the ad; that is traffic control's (R-IVT).
//!
//! A browser without `IntersectionObserver` (before 2019), without scripts, or a frame whose policy forbids inline scripts never
//! fires: such a display is not billed, rather than billed unseen.

use super::{Within, Writer, macros};

/// A function of URLs, milliseconds, width and height.
const SCRIPT: &str = include_str!("viewability.js");

/// Writes the script element.
pub(super) fn write(writer: &mut Writer<'_, '_>) {
    writer.raw("<script>");
    writer.raw(SCRIPT.trim_end());
    writer.raw("([");
    // Each URL has its comma, and the last one gives it back.
    let before = writer.out.len();
    writer.impressions(Within::Plain, ("\"", "\","));
    if writer.out.len() > before {
        writer.out.pop();
    }
    writer.raw("],");
    let size = writer.display.size.map_or((0, 0), |size| (size.w, size.h));
    macros::integer(writer.display.minimum_ms.into(), writer.out);
    for side in [size.0, size.1] {
        writer.raw(",");
        macros::integer(side.into(), writer.out);
    }
    writer.raw(");</script>");
}
