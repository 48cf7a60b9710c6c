//! What the checks of files can say (docs/content-checks.md).

use super::super::check::checks;

checks! {
    EMPTY = "R-REVIEW", "file-empty", Refuse, "The file is empty.", "文件为空。";
    TOO_LARGE = "R-REVIEW", "file-too-large", Refuse, "The file is larger than {}.", "文件大于{}。";
    WRONG_KIND = "R-REVIEW", "file-wrong-kind", Refuse,
        "The file is not what it was said to be: its bytes are {}.", "文件与声明的类型不符：其内容为 {}。";
    UNKNOWN = "R-REVIEW", "file-unknown", Refuse,
        "The file is none of PNG, JPEG, GIF, WebP, MP4 or PDF.", "文件不是 PNG、JPEG、GIF、WebP、MP4 或 PDF。";
    ARCHIVE = "R-MALICE", "file-archive", Refuse,
        "Archives are not taken, whatever they hold. Upload each file by itself.", "不接受任何压缩包：请逐个上传文件。";
    PROGRAM = "R-MALICE", "file-program", Refuse, "Programs are not taken.", "不接受程序文件。";
    SVG = "R-MALICE", "file-svg", Refuse,
        "SVG is a document that can run script. Upload PNG, JPEG, GIF or WebP.", "SVG 是可执行脚本的文档：请上传 PNG、JPEG、GIF 或 WebP。";
    SVG_SCRIPT = "R-MALICE", "file-svg-script", Refuse,
        "An SVG with script, links or animated attributes.", "SVG 含有脚本、链接或会变动的属性。";
    HTML = "R-MALICE", "file-html", Refuse,
        "An HTML or XML document is not taken as a file. Submit it as markup.", "不接受 HTML 或 XML 文档作为文件：请作为广告代码提交。";
    POLYGLOT = "R-MALICE", "file-polyglot", Refuse,
        "The file can be read as something else too: a page, a script or an archive. Save the picture again.", "该文件同时可被当作网页、脚本或压缩包读取：请重新导出。";
    TRAILING = "R-MALICE", "file-trailing-data", Refuse,
        "Data stands behind the file's end. Save it again.", "文件结尾之后还有数据：请重新导出。";
    BROKEN = "R-REVIEW", "file-broken", Refuse, "The file cannot be read: {}.", "文件无法读取：{}。";
    PDF_ACTIVE = "R-MALICE", "pdf-active", Refuse,
        "A PDF with script, attachments, forms that send, or programs that it starts. Print it to a new PDF.", "PDF 含脚本、附件、可提交的表单或可启动的程序：请重新打印为 PDF。";
    PDF_ACTION = "R-MALICE", "pdf-action", Person,
        "A PDF that does something when it is opened. Look at it in a viewer without scripts.", "PDF 打开时会执行动作：请在不支持脚本的阅读器中查看。";
    PDF_HIDDEN = "R-MALICE", "pdf-unreadable", Person,
        "Parts of this PDF cannot be looked into here: {}.", "无法检查该 PDF 的部分内容：{}。";
    IMAGE_SIDE = "R-REVIEW", "image-too-large", Refuse,
        "The picture has more than {}.", "图片超过{}。";
    ANIMATION = "R-REVIEW", "animation-long", Person,
        "The animation runs longer than {} s in all, or for ever.", "动画总时长超过{}秒或无限循环。";
    FRAMES = "R-REVIEW", "too-many-frames", Refuse, "The animation has more than {} frames.", "动画超过{}帧。";
    CODEC = "R-REVIEW", "video-codec", Refuse,
        "Media need a track of video (H.264, H.265, AV1, VP9) or sound (AAC, MP3, Opus, AC-3) that players know.", "须含播放器支持的视频（H.264、H.265、AV1、VP9）或音频（AAC、MP3、Opus、AC-3）轨道。";
    LENGTH = "R-REVIEW", "video-length", Refuse,
        "The file does not say how long it is, or is longer than {} s.", "文件未说明时长，或超过{}秒。";
}
