/// Where the formats of boxes do otherwise than Datumaro on purpose.
let boxFormatDifferences: [KnownDifference] = [
  KnownDifference(
    path: "formats/cvat_dataset/for_video",
    format: "cvat",
    aspects: [.annotations],
    reason: "a shape that is outside of its picture is none"
  ),
  KnownDifference(
    path: "formats/widerface_dataset",
    format: "wider_face",
    aspects: [.attributes],
    reason: "WIDER FACE's own readme has the flags in the order invalid, occlusion, pose"
  ),
  KnownDifference(
    path: "formats/open_images_dataset/v6",
    format: "open_images",
    aspects: [.annotations, .attributes],
    reason:
      "labels of confidence 0 are absent, groups are crowds, and a confidence of 1 says nothing"
  ),
]
