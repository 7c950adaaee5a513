// What the README of an export says.

package imaging

const readme = "\ufeff" + `影像资料 / Medical images

【内容】
DICOM 文件夹：DICOM 影像文件（PS3.10），文件名不超过八个字符，没有扩展名。
DICOMDIR（如有）：目录文件，影像浏览软件由此打开全部检查。
MANIFEST.SHA256：每个文件的 SHA-256 校验值。

【打开方法】
1. 先把压缩包完整解压到一个文件夹，不要在压缩包内直接打开。
2. 用 DICOM 浏览软件（如 RadiAnt、Weasis、MicroDicom）打开该文件夹或其中的 DICOMDIR。
3. 刻录光盘时，把解压后的全部内容放在光盘的根目录。
4. 校验：sha256sum -c MANIFEST.SHA256

资料含个人健康信息，请妥善保管，不要转发给无关人员。本资料不能代替签发的诊断报告。

CONTENTS
DICOM: the image files (PS3.10), with names of at most eight characters and no extension.
DICOMDIR (if present): the directory by which viewers open all examinations.
MANIFEST.SHA256: the SHA-256 of every file.

HOW TO OPEN
1. Extract the whole archive into a folder first.
2. Open the folder, or the DICOMDIR in it, with a DICOM viewer (such as RadiAnt, Weasis, MicroDicom).
3. For a disc, write everything that was extracted to the root of the disc.
4. To check: sha256sum -c MANIFEST.SHA256

This is personal health information: keep it safe. It does not replace the signed report.
`

const teachingReadme = "\ufeff" + `教学影像 / Teaching images

按 DICOM PS3.15 附录 E 基本保密规范去除了身份信息，姓名与患者号为化名，UID 已替换。
MANIFEST.TXT 列出各文件的 SHA-256，以及因像素中可能带有身份信息而未导出的对象数量与序号。
使用前请逐幅查看像素，确认没有姓名等信息。不得试图重新识别个人。

Identity was removed by the Basic Application Level Confidentiality Profile of DICOM PS3.15 annex E: names and patient
numbers are pseudonyms, UIDs were replaced. MANIFEST.TXT lists the SHA-256 of every file and the numbers of the objects that
were left out because their pixels may show whom they are about. Look at all pixels before use. Do not try to identify anybody.
`
