import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// Folders drawn by hand, with the mistakes that people make.
@Suite("Formats of label maps")
struct LabelMapFormatTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  func map(_ path: String, _ values: [UInt32]) throws {
    let image = IndexImage(size: ImageSize(height: 1, width: values.count), values: values)
    try folder.write(Data(image.png()), to: path)
  }

  func labels(_ dataset: Dataset, _ subset: Subset = .train) throws -> [[String]] {
    try (dataset.items[subset] ?? []).map { item in
      try item.annotations.flatMap { try $0.labelMap?.segments().map(\.label) ?? [] }
    }
  }

  @Test("CamVid without lists: folders that end in annot, grey maps by the place in the list")
  func camVidFolders() throws {
    try folder.write("0 0 0 nothing\n# comment\n9 9 9 cat\n1 2 3 big dog\n", to: "label_colors.txt")
    try folder.picture("train/a.png", height: 1, width: 3)
    try folder.picture("train/b.png", height: 1, width: 3)
    try map("trainannot/a.png", [0, 1, 2])
    try map("trainannot/c.png", [0, 1, 2])
    let dataset = try folder.read()
    #expect(dataset.format == "camvid")
    #expect(dataset.declaredLabels == ["nothing", "cat", "big dog"])
    #expect(dataset.labelDetails.colors["cat"] == Color(red: 9, green: 9, blue: 9))
    let all = try labels(dataset) + labels(dataset, .val)
    #expect(all.sorted { $0.count > $1.count } == [["nothing", "cat", "big dog"], []])
    #expect(dataset.kinds(.leftOut) == ["annotations without a picture"])
    #expect(dataset.kinds(.noted).contains("picture without annotations"))
  }

  @Test("CamVid's lists: blanks in names, a missing map, a line of too many words")
  func camVidLists() throws {
    try folder.picture("p/a b.png", height: 1, width: 3)
    try folder.picture("p/c.png", height: 1, width: 3)
    try map("m/a b.png", [1, 1, 2])
    let lines = "\"/p/a b.png\" \"/m/a b.png\"\r\n/p/c.png /m/c.png\r\n/p/a b.png /m/x.png\r\n"
    try folder.write(lines, to: "val.txt")
    let dataset = try folder.read()
    #expect(dataset.format == "camvid")
    let items = try #require(dataset.items[.val])
    #expect(items.map(\.id) == ["p/a b.png", "p/c.png"])
    #expect(try labels(dataset, .val) == [["Animal", "Archway"], []])
    #expect(dataset.kinds(.leftOut) == ["unreadable picture of labels", "damaged line"])
  }

  @Test("a colour list that names a label twice is refused with its line")
  func doubleLabel() throws {
    try folder.write("1 1 1 a\n2 2 2 a\n", to: "label_colors.txt")
    try folder.picture("train/a.png")
    try map("trainannot/a.png", [0])
    #expect(folder.readingError().contains("label_colors.txt:2"))
  }

  @Test("Cityscapes: objects by instance ids; training ids go first and keep the road")
  func cityscapes() throws {
    try folder.picture("leftImg8bit/train/x/x_1_leftImg8bit.png", height: 1, width: 4)
    try map("gtFine/train/x/x_1_gtFine_instanceIds.png", [0, 7, 26000, 26001])
    var item = try #require(try folder.read().items[.train]?.first)
    var segments = try #require(item.annotations.first?.labelMap).segments()
    #expect(segments.map(\.label) == ["road", "car", "car"])
    #expect(segments.map(\.instance) == [nil, 0, 1])
    try map("gtFine/train/x/x_1_gtFine_labelTrainIds.png", [0, 1, 255, 13])
    item = try #require(try folder.read().items[.train]?.first)
    segments = try #require(item.annotations.first?.labelMap).segments()
    #expect(segments.map(\.label) == ["road", "sidewalk", "car"])
  }

  @Test("half a Cityscapes dataset is told what is missing")
  func halfOfCityscapes() throws {
    try folder.picture("leftImg8bit/train/x/x_1_leftImg8bit.png")
    #expect(folder.readingError().contains("leftImg8bit/ is there, gtFine/ is not"))
  }

  @Test("common segmentation: names that differ by what all begin with, keys that have gaps")
  func commonSegmentation() throws {
    let meta = """
      {"label_map": {"0": "ground", "255": "crack"}, "background_label": "0", "other": [1]}
      """
    try folder.write(meta, to: "train/dataset_meta.json")
    for number in [1, 2, 10] {
      try folder.picture("train/images/photo_\(number).jpg", height: 1, width: 2)
      try map("train/masks/photo_\(number)_mask.png", [0, 255])
    }
    let dataset = try folder.read()
    #expect(dataset.format == "common_semantic_segmentation")
    #expect(dataset.declaredLabels == ["ground", "crack"])
    let all = [Subset.train, .val].flatMap { dataset.items[$0] ?? [] }
    #expect(all.count == 3 && dataset.kinds(.leftOut).isEmpty)
    for item in all {
      let map = try #require(item.annotations.first?.labelMap)
      #expect(try map.segments().map(\.label) == ["ground", "crack"])
    }
  }

  @Test("common segmentation without its list of labels says so")
  func noMeta() throws {
    try folder.picture("images/a.png")
    try map("masks/a.png", [0])
    let error = folder.readingError(format: "common_semantic_segmentation")
    #expect(error.contains("dataset_meta.json"))
    try folder.write("{\"label_map\": {\"x\": \"a\"}}", to: "dataset_meta.json")
    #expect(folder.readingError().contains("'x'"))
    try folder.write("{\"labels\": []}", to: "dataset_meta.json")
    #expect(folder.readingError().contains("lists no labels"))
  }

  @Test("KITTI: labels and objects in one number; semantic without instance")
  func kitti() throws {
    try folder.picture("training/image_2/a_10.png", height: 1, width: 3)
    try map("training/instance/a_10.png", [26 * 256, 26 * 256 + 1, 7 * 256])
    let item = try #require(try folder.read().items[.train]?.first)
    let segments = try #require(item.annotations.first?.labelMap).segments()
    #expect(segments.map(\.label) == ["road", "car", "car"])
    #expect(segments.map(\.instance) == [nil, nil, 1])

    try folder.picture("s/training/image_2/a_10.png", height: 1, width: 3)
    try map("s/training/semantic/a_10.png", [26, 26, 7])
    #expect(try labels(folder.read("s")) == [["road", "car"]])
  }

  /// A picture of packed colours.
  func colors(_ path: String, _ values: [UInt32]) throws {
    let pixels = values.flatMap { [UInt8($0 >> 16), UInt8($0 >> 8 & 255), UInt8($0 & 255)] }
    let image = Image(size: ImageSize(height: 1, width: values.count), pixels: pixels)
    try folder.write(Data(ImageFile.png(image)), to: path)
  }

  @Test("ADE20K 2017: objects by the rank of blue, parts in files of their own")
  func ade2017() throws {
    try folder.picture("training/a/x_1.jpg", height: 1, width: 3)
    try colors("training/a/x_1_seg.png", [0x0A0000, 0x0A0005, 0x0A00C8])
    let lines = """
      001 # 0 # 1 # door # door # "red, open"
      002 # 0 # 0 # wall # wall # ""
      001 # 1 # 0 # knob # knob # ""
      this is no object
      """
    try folder.write(lines, to: "training/a/x_1_atr.txt")
    try folder.picture("validation/y.jpg", height: 1, width: 3)
    let dataset = try folder.read()
    #expect(dataset.format == "ade20k2017")
    #expect(dataset.labels.names == ["door", "wall"] && dataset.declaredLabels.count == 3)
    #expect(dataset.kinds(.leftOut).sorted() == ["damaged line", "missing mask"])
    let objects = try #require(dataset.items[.train]?.first).annotations
    let size = ImageSize(height: 1, width: 3)
    let masks = try objects.compactMap { try $0.region?.mask(size: size) }
    #expect(masks.map(\.bitmap) == [[false, true, false], [false, false, true]])
    let attributes = objects[0].attributes
    #expect(attributes == ["red": .flag(true), "open": .flag(true), "occluded": .flag(true)])
  }

  @Test("ADE20K 2020: polygons, else masks, and a label map")
  func ade2020() throws {
    try folder.picture("training/x/y/a.jpg", height: 8, width: 8)
    try colors("training/x/y/a_seg.png", [0x0A2C01, 0x0A2C02])
    try map("training/x/y/a/instance_000_a.png", [0, 255])
    let json = """
      {"annotation": {"filename": "a.jpg", "object": [
        {"id": 0, "name": "café", "name_ndx": 300, "raw_name": "café", "occluded": "no", "attributes": "wide",
         "parts": {"part_level": 0}, "instance_mask": "a/instance_000_a.png",
         "polygon": {"x": [1, 4, 4], "y": [1, 1, 5], "click_date": ["t"]}},
        {"id": 1, "name_ndx": 9, "raw_name": "cup", "attributes": [], "parts": {"part_level": 1},
         "instance_mask": "a/instance_000_a.png", "polygon": {"x": [], "y": []}},
        {"id": 2, "name_ndx": 9, "raw_name": "cup", "instance_mask": "none.png", "polygon": {}}]}}
      """
    let latin = json.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    try folder.write(Data(latin), to: "training/x/y/a.json")
    let dataset = try folder.read()
    #expect(dataset.format == "ade20k2020")
    #expect(dataset.declaredLabels == ["café", "cup"])
    #expect(dataset.kinds(.leftOut) == ["object without an outline"])
    let annotations = try #require(dataset.items[.train]?.first).annotations
    #expect(annotations.map(\.kind) == [.labelMap, .object, .object])
    #expect(annotations[1].region == .polygon(Polygon([1, 1, 4, 1, 4, 5])))
    #expect(try annotations[0].labelMap?.segments().map(\.instance) == [1, 2])
  }

  @Test("Mapillary Vistas: objects, panoptic segments or labels, whichever is there")
  func mapillary() throws {
    let config = """
      {"labels": [{"name": "bird", "color": [165, 42, 42]}, {"name": "road", "color": [1, 2, 3]}]}
      """
    try folder.picture("training/images/a.jpg", height: 1, width: 3)
    try map("training/v2.0/labels/a.png", [0, 1, 1])
    #expect(folder.readingError().contains("config_v2.0.json"))
    try folder.write(config, to: "config_v2.0.json")
    var dataset = try folder.read()
    #expect(dataset.format == "mapillary_vistas")
    #expect(try labels(dataset) == [["bird", "road"]])
    try map("training/v2.0/instances/a.png", [0, 257, 258])
    dataset = try folder.read()
    let item = try #require(dataset.items[.train]?.first)
    let segments = try #require(item.annotations.first?.labelMap).segments()
    #expect(segments.map(\.instance) == [nil, 1, 2])
    #expect(segments.map(\.label) == ["bird", "road", "road"])

    try colors("training/v2.0/panoptic/a.png", [0x010000, 0x000100, 0x000100])
    let panoptic = """
      {"images": [{"id": "a", "file_name": "a.jpg", "height": 1, "width": 3}],
       "categories": [{"id": 1, "name": "bird", "supercategory": "animal", "color": [1, 2, 3]}],
       "annotations": [{"image_id": "a", "file_name": "a.png", "segments_info": [
         {"id": 1, "category_id": 1, "iscrowd": 0}, {"id": 256, "category_id": 1, "iscrowd": 1}]},
         {"image_id": "b", "file_name": "b.png", "segments_info": []}]}
      """
    try folder.write(panoptic, to: "training/v2.0/panoptic/panoptic_2020.json")
    dataset = try folder.read(format: "mapillary_vistas_panoptic")
    let objects = try #require(dataset.items[.train]?.first).annotations
    #expect(objects.map(\.isCrowd) == [false, true])
    let size = ImageSize(height: 1, width: 3)
    #expect(try objects.compactMap { try $0.region?.mask(size: size).area } == [1, 2])
    #expect(dataset.labelDetails.parents == ["bird": "animal"])
    #expect(dataset.kinds(.leftOut) == ["annotations without a picture"])
  }

  @Test("SYNTHIA: three releases, each with its own labels; text files of numbers")
  func synthia() throws {
    try folder.picture("rand/RGB/a.png", height: 2, width: 2)
    try folder.write("1 1\n0 13\n", to: "rand/GTTXT/a.txt")
    var dataset = try folder.read("rand")
    #expect(dataset.format == "synthia")
    #expect(dataset.labels.names == ["Void", "Sky", "TrafficLight"])
    try folder.picture("sf/RGBLeft/a.png", height: 1, width: 2)
    try colors("sf/GTLeft/a.png", [0x804080, 0x462346])
    dataset = try folder.read("sf")
    #expect(try labels(dataset) == [["Road"]])
    try folder.picture("al/train/RGB/a.png", height: 1, width: 1)
    try colors("al/train/SemSeg/a.png", [0x00AC00])
    dataset = try folder.read("al", format: "synthia_al")
    #expect(try labels(dataset) == [["Lanemarking"]])
    try folder.write("1 1\n0\n", to: "rand/GTTXT/a.txt")
    #expect(folder.readingError("rand").contains("a.txt:2"))
  }

  @Test("MVTec: labels, pixels and boxes of defects; what is missing is named")
  func mvtec() throws {
    try folder.picture("train/good/000.png", height: 4, width: 4)
    try folder.picture("test/good/000.png", height: 4, width: 4)
    for name in ["000", "001"] { try folder.picture("test/crack/\(name).png", height: 4, width: 4) }
    try folder.picture("ground_truth/crack/000_mask.png", height: 4, width: 4)
    try folder.picture("ground_truth/crack/007_mask.png", height: 4, width: 4)
    let dataset = try folder.read()
    #expect(dataset.format == "mvtec")
    #expect(dataset.labels.names == ["crack", "good"])
    let test = try #require(dataset.items[.test])
    #expect(test.map { $0.annotations.map(\.kind) } == [[.label, .object], [.label], [.label]])
    #expect(dataset.kinds(.leftOut) == ["annotations without a picture"])
    #expect(dataset.kinds(.noted).contains("missing mask"))
    let boxes = try folder.read(format: "mvtec_detection")
    #expect(boxes.boxes(.test, 0) == [BoundingBox(0, 0, 4, 4)])
    let plain = try folder.read(format: "mvtec_classification")
    #expect(plain.items[.test]?.allSatisfy { $0.annotations.count == 1 } ?? false)
  }
}
