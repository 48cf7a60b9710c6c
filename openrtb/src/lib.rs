//! OpenRTB on the wire.
