import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// Damaged files end in errors and problems, never in a crash.
@Suite("Damaged files of the formats of boxes")
struct BoxFormatMutationTests {
  static let names = [
    "voc", "yolo", "yolo_ultralytics", "yolo_ultralytics_obb", "cvat", "label_me", "dota",
    "kitti_detection", "open_images", "tf_detection_api",
  ]

  /// `OTX_TEST_ROUNDS` asks for more than a test run has time for; 10,000 were tried.
  private static let roundCount =
    ProcessInfo.processInfo.environment["OTX_TEST_ROUNDS"].flatMap { Int($0) } ?? 10

  private static let words = [
    "", "-1", "1e999", "99999999999999999999", "nan", "\"", "<", ">", ",", "\u{FEFF}", "\0", "\n",
    " ", "/", "..", "&#0;", "]]>", "0", "4294967296", "-9223372036854775808", "é", "{", "}", "=",
  ]

  /// Every file that is no picture.
  private func texts(_ root: URL) throws -> [URL] {
    let listing = try FolderListing(root)
    return try listing.files.filter { !FolderListing.isPictureName($0.lastPathComponent) }
      + listing.folders.flatMap { try texts($0) }
  }

  private func damage(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    let count = Int.random(in: 1...4, using: &generator)
    for _ in 0..<count {
      let place = Int.random(in: 0...bytes.count, using: &generator)
      let length = min(Int.random(in: 1...12, using: &generator), bytes.count - place)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0 where place < bytes.count:
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes.removeSubrange(place..<place + length)
      case 2: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
      case 3: bytes.removeSubrange(place...)
      default:
        let word = BoxFormatMutationTests.words.randomElement(using: &generator) ?? ""
        bytes.replaceSubrange(place..<place + length, with: Array(word.utf8))
      }
    }
  }

  @Test("end in an error or are read", arguments: names)
  func damaged(_ name: String) throws {
    let format = try Formats.writable(named: name)
    let sample = SampleDataset(
      counts: [.train: 2, .val: 1],
      size: ImageSize(height: 24, width: 32)
    )
    let folder = try TemporaryFolder()
    try format.write(sample.detection(), to: folder.url)
    try check(format, folder.url, roundCount: BoxFormatMutationTests.roundCount)
  }

  private func check(_ format: any DatasetFormat, _ root: URL, roundCount: Int) throws {
    var generator = CounterGenerator(seed: 11, 0x6D_75_74)
    let files = try texts(root)
    try #require(!files.isEmpty)
    for round in 0..<roundCount {
      let file = files[round % files.count]
      let whole = try Data(contentsOf: file)
      var bytes = Array(whole)
      damage(&bytes, &generator)
      try Data(bytes).write(to: file)
      defer { try? whole.write(to: file) }
      _ = format.recognizes(root)
      do {
        let reading = try format.read(.root(root, format: nil))
        _ = DatasetChecker.check(reading, root: root)
      } catch {
        #expect(error is DataError, "\(format.name): \(error)")
      }
    }
  }

  @Test(
    "as samples of other programs",
    .enabled(if: realData != nil),
    arguments: [
      ("voc_dataset/voc_dataset1", "voc"), ("voc_dataset/voc_dataset2", "voc"),
      ("yolo_dataset/strict", "yolo"), ("yolo_dataset/labels", "yolo"),
      ("cvat_dataset/for_video", "cvat"), ("cvat_dataset/for_images/export_project", "cvat"),
      ("labelme_dataset", "label_me"), ("dota_dataset", "dota"),
      ("icdar_dataset/text_segmentation", "icdar_text_segmentation"),
      ("icdar_dataset/text_localization", "icdar_text_localization"),
      ("icdar_dataset/word_recognition", "icdar_word_recognition"),
      ("kitti_dataset/kitti_detection", "kitti_detection"),
      ("open_images_dataset/v6", "open_images"),
      ("mot_dataset/mot_seq_with_seqinfo", "mot_seq"), ("widerface_dataset", "wider_face"),
    ]
  )
  func samples(_ path: String, _ name: String) throws {
    let folder = try TemporaryFolder()
    let copy = folder.url.appending(path: "copy")
    let root = try #require(realData).appending(path: "formats/\(path)")
    try FileManager.default.copyItem(at: root, to: copy)
    try check(Formats.named(name), copy, roundCount: BoxFormatMutationTests.roundCount)
  }
}
