//! What the checks of markup can say (docs/content-checks.md).

use super::super::check::checks;

checks! {
    MORE = "R-REVIEW", "more-findings", Person,
        "More was found than the {} that are told: correct these first.", "发现的问题超过可列出的{}项：请先更正已列出的。";
    TOO_MUCH = "R-REVIEW", "markup-too-large", Refuse,
        "The markup is more than can be checked: {}. Make it smaller and simpler.", "广告代码超出可检查的范围（{}）：请精简。";
    MALFORMED = "R-REVIEW", "markup-malformed", Refuse,
        "This is no well-formed markup of its format: {}.", "代码不符合其广告形式的规范：{}。";
    NO_SIZE = "R-REVIEW", "no-size", Refuse,
        "A banner says its sizes, a video its duration and an audio its duration: {} is missing.", "横幅须声明尺寸，视频和音频须声明时长：缺少{}。";
    NOWHERE = "R-REVIEW", "fits-no-placement", Refuse,
        "No placement takes this format and size. Placements take {}.", "没有广告位接受该形式与尺寸。可用的有：{}。";
    LARGER = "R-REVIEW", "larger-than-size", Person,
        "It is larger than the sizes that were submitted ({}).", "超出所提交的尺寸（{}）。";
    INSECURE = "R-MALICE", "insecure-url", Refuse,
        "A URL without TLS: anybody on the way could change what it brings. Use https.", "非加密链接，内容可能被中途篡改：请使用 https。";
    INSECURE_TEXT = "R-MALICE", "insecure-url-in-script", Person,
        "A script holds a URL without TLS. Use https if it is loaded.", "脚本中含有非加密链接：如会被加载，请改用 https。";
    UNREADABLE_URL = "R-REVIEW", "unreadable-url", Refuse,
        "This is no absolute URL. Write https://HOST/… in full.", "不是完整的网址：请写明 https://主机名/……。";
    OTHER_SCHEME = "R-MALICE", "forbidden-scheme", Refuse,
        "URLs of this kind carry content or code that cannot be reviewed. Use https.", "此类网址携带无法审核的内容或代码：请使用 https。";
    SCRIPT_URL = "R-MALICE", "script-url", Refuse,
        "A link runs script. Use https, or `javascript:void(0)` with a handler of the click.", "链接会执行脚本：请使用 https，或 `javascript:void(0)` 加点击处理。";
    DATA_IMAGE = "R-REVIEW", "data-image", Note,
        "An image inside of the markup: look at it in the rendered creative.", "图片内嵌于代码中：请在渲染后的创意中查看。";
    FOREIGN_SCRIPT = "R-MALICE", "foreign-script", Refuse,
        "A script from a host that is not allowed: it can change after the review. Allowed hosts are listed by the exchange.",
        "脚本来自未经允许的主机，审核后仍可能变更。允许的主机见交易平台名单。";
    FOREIGN_STYLE = "R-MALICE", "foreign-style", Refuse,
        "A style sheet or other part is loaded from a host that is not allowed: it can change after the review. Write it into the markup.",
        "样式表等内容从未经允许的主机加载，审核后仍可能变更：请直接写入代码。";
    FRAME = "R-MALICE", "foreign-frame", Refuse,
        "A frame shows a page that is not reviewed.", "框架会显示未经审核的页面。";
    PLUGIN = "R-MALICE", "plugin", Refuse,
        "Plugins and embedded documents are not allowed.", "不允许使用插件或嵌入式文档。";
    BASE = "R-MALICE", "base-url", Refuse,
        "`base` changes where all links lead.", "`base` 会改变所有链接的去向。";
    REDIRECT = "R-MALICE", "auto-redirect", Refuse,
        "It leaves the page without a click of the user.", "未经用户点击即跳转页面。";
    NAVIGATES = "R-MALICE", "navigation-unclear", Person,
        "A function opens a page, and who calls it cannot be told: look whether it needs a click.", "某函数会打开页面，无法判断由谁调用：请查看是否须经点击。";
    FORCED_CLICK = "R-MALICE", "forced-click", Refuse,
        "A script clicks or submits in place of the user.", "脚本代替用户点击或提交。";
    TRAP = "R-MALICE", "traps-user", Refuse,
        "It keeps the user from leaving, or changes the browser's history.", "阻止用户离开或篡改浏览历史。";
    DIALOG = "R-MALICE", "dialog", Person,
        "A script opens a dialog.", "脚本会弹出对话框。";
    DEVICE = "R-CONSENT", "reads-device", Person,
        "A script reads what belongs to the user: cookies, storage, position, clipboard, camera.", "脚本读取用户信息：Cookie、存储、位置、剪贴板、摄像头等。";
    UNREADABLE = "R-MALICE", "unreadable-script", Person,
        "What this script does cannot be told by reading it: {}.", "无法通过阅读判断该脚本的行为：{}。";
    FOREIGN_WRITE = "R-MALICE", "writes-foreign-content", Refuse,
        "A script writes a script or frame of a host that is not allowed into the page.", "脚本向页面写入来自未经允许主机的脚本或框架。";
    HANDLER = "R-MALICE", "event-handler", Person,
        "Script runs without a click of the user.", "未经用户点击即执行脚本。";
    FORM = "R-CONSENT", "form", Person,
        "A form asks the user for something: look what it asks and where it goes.", "含有表单：请查看其收集的内容及提交去向。";
    DOWNLOAD = "R-MALICE", "forced-download", Refuse,
        "It makes the browser download a file. Link a page that says what is downloaded.", "会使浏览器直接下载文件：请链接到说明下载内容的页面。";
    HIDDEN = "R-IVT", "hidden-content", Person,
        "Content that can be clicked or played cannot be seen.", "可点击或可播放的内容不可见。";
    STACKED = "R-IVT", "stacked-content", Person,
        "It may lie over the page beside it, or over other ads.", "可能覆盖页面其他内容或其他广告。";
    SOUND = "R-REVIEW", "autoplay-sound", Person,
        "It plays with sound without a click.", "未经点击即自动播放声音。";
    TRACKER = "R-MONITOR-LIST", "tracker-host", Refuse,
        "A tracker of a host that is not on the exchange's list.", "监测代码的主机不在交易平台名单内。";
    TRACKERS = "R-MONITOR-LIST", "too-many-trackers", Refuse,
        "More trackers than the {} that are allowed.", "监测代码超过允许的{}个。";
    NO_CLICK = "R-LANDING-MATCH", "no-click-macro", Refuse,
        "No link is `__CLICK_URL__`: clicks would not be counted or reach the landing page.", "没有使用 `__CLICK_URL__` 的链接：点击无法计数，也不会到达落地页。";
    NO_THROUGH = "R-LANDING-MATCH", "no-click-through", Person,
        "The ad has no ClickThrough: nobody can reach its landing page.", "广告没有 ClickThrough：无法到达落地页。";
    UNCOUNTED = "R-LANDING-MATCH", "click-not-counted", Person,
        "This link leads to the landing page's host beside the click macro: its clicks are not counted.", "该链接绕过点击宏直达落地页主机：其点击不会计数。";
    ELSEWHERE = "R-LANDING-MATCH", "link-elsewhere", Refuse,
        "A link leads elsewhere than to the registered landing page ({}).", "链接没有指向登记的落地页（{}）。";
    NO_LABEL = "R-SOURCE", "no-ad-label", Person,
        "No text says that this is an ad ({}): look whether the picture says so, and whose it is.", "文字中没有广告标识（{}）：请查看画面是否标明“广告”及广告来源。";
    LABEL_UNSEEN = "R-SOURCE", "label-not-in-text", Note,
        "Look whether the ad says that it is one, and whose it is: its words are in the picture or the sound.", "请确认广告中标明“广告”及其来源：内容在画面或声音中。";
    SVG_SCRIPT = "R-MALICE", "svg-active", Refuse,
        "SVG with script, foreign content or animated links.", "SVG 含脚本、外部内容或会变动的链接。";
    CSS_CODE = "R-MALICE", "css-active", Refuse,
        "CSS that runs code or loads other style sheets.", "CSS 会执行代码或加载其他样式表。";
    APP = "R-APP", "app-not-named", Refuse,
        "It leads to an app, and the submission names no registered app.", "广告引导至应用，但提交内容未指明已登记的应用。";
    VERSION = "R-REVIEW", "vast-version", Refuse,
        "This version is not read here. Send VAST 2 to 4 or DAAST 1.", "不支持该版本：请使用 VAST 2 至 4 或 DAAST 1。";
    WRAPPER = "R-REVIEW", "wrapper-foreign", Refuse,
        "A wrapper of a host that is not allowed: what it leads to cannot be reviewed. Send an InLine.", "Wrapper 的主机未经允许，其内容无法审核：请改用 InLine。";
    WRAPPED = "R-REVIEW", "wrapper", Person,
        "What this wrapper leads to can change after the review.", "该 Wrapper 的内容在审核后仍可能变更。";
    VPAID = "R-MALICE", "vpaid", Refuse,
        "VPAID, Flash and scripts as media files are programs and are not allowed.", "不允许以 VPAID、Flash 或脚本作为媒体文件。";
    FRAMEWORK = "R-REVIEW", "api-framework", Person,
        "It needs a framework of the player.", "需要播放器支持特定接口框架。";
    VERIFICATION = "R-REVIEW", "verification-script", Person,
        "A script that measures is loaded from an allowed host.", "从允许的主机加载验证脚本。";
    NO_MEDIA = "R-REVIEW", "no-media-file", Refuse,
        "There is no media file to play.", "没有可播放的媒体文件。";
    MEDIA_FILE = "R-REVIEW", "media-file", Refuse,
        "A media file is not as it must be: {}.", "媒体文件不符合要求：{}。";
    MEDIA_SIZE = "R-REVIEW", "media-size", Refuse,
        "A media file has other proportions than the sizes that were submitted ({}).", "媒体文件的宽高比与所提交的尺寸（{}）不符。";
    DURATION = "R-REVIEW", "duration-mismatch", Refuse,
        "Its duration is not the submitted one ({} s).", "时长与所提交的（{}秒）不符。";
    SCRIPT_TRACKER = "R-MALICE", "script-tracker", Refuse,
        "Trackers that are scripts are not allowed. Use an image (method 1).", "不允许脚本形式的监测：请使用图片（method 1）。";
    UNSEEN = "R-REVIEW", "content-elsewhere", Refuse,
        "The content is fetched when the ad is shown and cannot be reviewed. Write it into the markup.", "内容在展示时才获取，无法审核：请写入代码。";
    ASSET = "R-REVIEW", "native-asset", Refuse,
        "An asset is not as it must be: {}.", "原生素材不符合要求：{}。";
}
