import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXData

@Suite("Formats of JSON files")
struct JSONFormatsTests {
  @Test("Create ML's boxes are given by their centres")
  func createML() throws {
    let folder = try TemporaryFolder()
    for subset in ["train", "valid"] {
      try folder.picture("\(subset)/a.png")
      try folder.write(
        """
        [{"image": "a.png", "annotations": [
          {"label": "dog", "coordinates": {"x": 10, "y": 8, "width": 4, "height": 6}},
          {"label": "cat", "coordinates": {"x": 10, "y": 8, "width": 4}},
          {"label": "bee", "coordinates": {"x": 5.5, "y": 8, "width": 4, "height": 6}}]}]
        """,
        to: "\(subset)/_annotations.createml.json"
      )
    }
    let dataset = try folder.read()
    #expect(dataset.format == "roboflow_create_ml")
    #expect(dataset.labels.names == ["bee", "dog"])
    #expect(dataset.boxes(.train, 0) == [BoundingBox(8, 5, 12, 11), BoundingBox(3.5, 5, 7.5, 11)])
    #expect(dataset.items.mapValues(\.count) == [.train: 1, .val: 1])
    let problem = try #require(dataset.problems.first { $0.remedy == .leftOut })
    #expect(problem.location == "train/_annotations.createml.json:3")
  }

  @Test("Segment Anything's masks have no labels")
  func segmentAnything() throws {
    let folder = try TemporaryFolder()
    try folder.picture("sa_1.png")
    let mask = RunLengthMask(
      size: ImageSize(height: 24, width: 32),
      bitmap: (0..<24 * 32).map { $0 % 32 < 4 }
    )
    try folder.write(
      """
      {"image": {"image_id": 1, "width": 32, "height": 24, "file_name": "sa_1.png"},
       "annotations": [
        {"id": 7, "bbox": [0, 0, 3, 23], "area": 96, "predicted_iou": 0.9, "stability_score": 0.8,
         "crop_box": [0, 0, 32, 24], "point_coords": [[1, 2]],
         "segmentation": {"size": [24, 32], "counts": "\(mask.compressed)"}},
        {"id": 8, "segmentation": {"size": [24, 32], "counts": [0, 9]}}]}
      """,
      to: "sa_1.json"
    )
    let reading = try #require(try? SegmentAnythingFormat().read(.root(folder.url, format: nil)))
    let annotation = try #require(reading.items[.train]?.first?.annotations.first)
    #expect(annotation.region == .mask(mask))
    #expect(annotation.box == BoundingBox(0, 0, 3, 23))
    #expect(annotation.label == nil && annotation.id == 7)
    #expect(annotation.attributes["point_coords"] == .numbers([1, 2]))
    #expect(annotation.attributes["predicted_iou"] == .number(0.9))
    #expect(reading.problems.map(\.kind) == ["incomplete annotation"])
    let found = Formats.all.filter {
      if case .certain = $0.recognizes(folder.url) { true } else { false }
    }
    #expect(found.map(\.name) == ["segment_anything"])
  }

  @Test("VoTT's JSON: boxes, polygons, several tags for a region")
  func vottJSON() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    try folder.write(
      """
      {"name": "x", "tags": [{"name": "dog", "color": "#fff"}, {"name": "cat"}],
       "assets": {"0f": {"asset": {"name": "a.png", "path": "file:/elsewhere/a.png",
         "size": {"width": 32, "height": 24}}, "regions": [
         {"id": "r1", "type": "RECTANGLE", "tags": ["cat", "bee"],
          "boundingBox": {"left": 1, "top": 2, "width": 10, "height": 12.5}, "points": []},
         {"id": "r2", "type": "POLYGON", "tags": [],
          "boundingBox": {"left": 1, "top": 2, "width": 4, "height": 4},
          "points": [{"x": 1, "y": 2}, {"x": 5, "y": 2}, {"x": 5, "y": 6}]},
         {"id": "r3", "type": "RECTANGLE", "tags": ["cat"]}]}}}
      """,
      to: "train-export.json"
    )
    let reading = try VoTTJSONFormat().read(.root(folder.url, format: nil))
    #expect(reading.labels == ["dog", "cat", "bee"])
    let item = try #require(reading.items[.train]?.first)
    #expect(item.id == "a.png" && item.size == ImageSize(height: 24, width: 32))
    #expect(item.annotations.map(\.label) == ["cat", "bee", nil])
    #expect(item.annotations[0].box == BoundingBox(1, 2, 11, 14.5))
    #expect(item.annotations[2].region == .polygon(Polygon([1, 2, 5, 2, 5, 6])))
    #expect(reading.problems.map(\.kind) == ["incomplete annotation"])
    guard case .certain = VoTTJSONFormat().recognizes(folder.url) else {
      Issue.record("not recognised")
      return
    }
  }

  @Test("VoTT's table: pictures with and without boxes")
  func vottCSV() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    try folder.picture("b.png")
    try folder.write(
      """
      "image","xmin","ymin","xmax","ymax","label"
      "a.png",1.5,2,11,14,"dog"
      "a.png",3,4,9,9,"cat"
      "b.png",,,,,

      """,
      to: "test-export.csv"
    )
    let reading = try VoTTCSVFormat().read(.root(folder.url, format: nil))
    #expect(reading.labels == ["dog", "cat"])
    let items = try #require(reading.items[.test])
    #expect(items.map(\.id) == ["a.png", "b.png"])
    #expect(
      items[0].annotations.map(\.box) == [BoundingBox(1.5, 2, 11, 14), BoundingBox(3, 4, 9, 9)]
    )
    #expect(items[1].annotations.isEmpty)
    try folder.write("image,xmin,ymin,xmax,ymax,label\na.png,x,2,3,4,dog\n", to: "test-export.csv")
    let error = folder.readingError(format: "vott_csv")
    #expect(error.contains("test-export.csv:2: the column 'xmin' is not a number"))
  }

  @Test("MPII's people and the others beside them")
  func mpii() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let joints = "[" + (0..<16).map { "[\($0), \($0 + 1), 1.0]" }.joined(separator: ",") + "]"
    try folder.write(
      """
      [{"img_paths": "a.png", "objpos": [5, 6], "scale_provided": 1.5, "joint_self": \(joints),
        "joint_others": \(joints), "objpos_other": [7, 8], "scale_provided_other": 2,
        "numOtherPeople": 1.0}]
      """,
      to: "mpii_annotations.json"
    )
    // `[2, 2, 1]` of 4-byte floats.
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2, 1), }\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]
    bytes += header.utf8
    for value in [1, 11, 2, 12] as [Float] {
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
    try folder.write(Data(bytes), to: "mpii_headboxes.npy")
    let reading = try MPIIJSONFormat().read(.root(folder.url, format: nil))
    let people = try #require(reading.items[.train]?.first?.annotations)
    #expect(people.map { $0.keypoints?.count } == [16, 16])
    #expect(people[0].box == BoundingBox(1, 2, 11, 12), "the head's")
    #expect(people[1].attributes == ["center": .numbers([7, 8]), "scale": .number(2)])
    #expect(reading.labelDetails.keypoints["human"]?.names.count == 16)
    try folder.write(Data(bytes.dropLast()), to: "mpii_headboxes.npy")
    #expect(folder.readingError(format: "mpii_json").contains("mpii_headboxes.npy: is cut short"))
  }

  @Test("shapes in a NumPy file's header are not trusted")
  func hugeShapes() throws {
    let folder = try TemporaryFolder()
    for shape in ["(9223372036854775807, 9)", "(4000000000, 4000000000, 2)", "(99999999,)"] {
      let header = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }\n"
      let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]
      let url = try folder.write(Data(bytes + Array(header.utf8)), to: "a.npy")
      #expect(throws: DataError.self) { try NumPyArray(url, name: "a.npy") }
    }
  }
}
