//! What the checks of files that markup names can say beside those of uploads (docs/content-checks.md).

use super::super::check::checks;

checks! {
    NOT_FETCHED = "R-REVIEW", "files-not-fetched", Note,
        "{} files that the markup names are not fetched here: look at them with pictures from the network.", "代码引用的{}个文件未在此抓取：请加载网络图片查看。";
    TOO_MANY = "R-REVIEW", "files-too-many", Person,
        "The markup names more files than the {} that are fetched: look at the others.", "代码引用的文件多于可抓取的{}个：请查看其余文件。";
    ELSEWHERE = "R-MALICE", "file-elsewhere", Refuse,
        "The file is where no file of an ad may be: {}.", "文件所在位置不被允许：{}。";
    UNREACHABLE = "R-REVIEW", "file-unreachable", Person,
        "The file could not be fetched, so nobody has seen what is there: {}.", "文件无法抓取，其内容未经查看：{}。";
    NOT_MEASURED = "R-REVIEW", "file-not-measured", Person,
        "The file is of no kind that is measured here: look at it, or listen to it.", "此类文件无法在此测量：请人工查看或收听。";
    NOT_KEPT = "R-REVIEW", "file-not-kept", Person,
        "The file was measured and not kept, as so much was kept of this buyer today: look at it with pictures from the network.", "该客户今日保存的文件已达上限，此文件仅测量未保存：请加载网络图片查看。";
    NOT_AS_UPLOADED = "R-REVIEW", "file-not-as-uploaded", Refuse,
        "The URL brings another file than the one that was uploaded for it ({}).", "该网址返回的文件与所上传的文件（{}）不一致。";
    OTHER_SIZE = "R-REVIEW", "file-size", Person,
        "Its width and height are not those that the markup says ({}).", "其宽高与代码中声明的（{}）不符。";
    PROPORTIONS = "R-REVIEW", "file-proportions", Refuse,
        "The film has other proportions than the sizes that were submitted ({}).", "影片的宽高比与所提交的尺寸（{}）不符。";
    DURATION = "R-REVIEW", "file-duration", Refuse,
        "The film is not as long as was submitted ({} s).", "影片时长与所提交的（{}秒）不符。";
    BITRATE = "R-REVIEW", "file-bitrate", Refuse,
        "The film has more than {} kbit/s.", "影片码率超过{} kbit/s。";
    CHANGED = "R-REVIEW", "file-changed", Person,
        "Another file is there than the one that was reviewed ({}).", "该网址的文件已不是审核时的文件（{}）。";
}
