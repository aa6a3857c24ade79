import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

@Suite("Sample datasets")
struct SampleDatasetTests {
  @Test("the same numbers draw the same pictures; others do not")
  func repeats() throws {
    let sample = SampleDataset(counts: [.train: 4], size: ImageSize(height: 40, width: 60))
    #expect(try sample.detection().items == sample.detection().items)
    var other = sample
    other.seed = 1
    #expect(try other.detection().items != sample.detection().items)
  }

  @Test("boxes lie inside and enclose one colour")
  func boxes() throws {
    let dataset = try SampleDataset().detection()
    #expect(dataset.items.mapValues(\.count) == [.train: 24, .val: 8, .test: 8])
    var labels: Set<String> = []
    for item in dataset.items.values.joined() {
      guard case .memory(let image) = item.image else { continue }
      #expect(!item.annotations.isEmpty)
      for annotation in item.annotations {
        guard let box = annotation.box, let label = annotation.label else { continue }
        labels.insert(label)
        #expect(box == box.clipped(to: image.size) && box.area > 100)
        let middle = (Int(box.y1 + box.y2) / 2 * image.width + Int(box.x1 + box.x2) / 2) * 3
        let color = Array(image.pixels[middle..<middle + 3])
        // The strongest channel is the label's: red circles, green squares, blue triangles.
        let strongest = color.indices.max { color[$0] < color[$1] }
        #expect(strongest == SampleDataset.labels.index(of: label))
      }
    }
    #expect(labels.count == 3)
  }

  @Test("drawn into folders, they read as datasets")
  func folders() throws {
    let folder = try TemporaryFolder()
    let sample = SampleDataset(
      counts: [.train: 6, .val: 3],
      size: ImageSize(height: 40, width: 60)
    )
    try sample.drawDetection(at: folder.url.appending(path: "detection"))
    try sample.drawClassification(at: folder.url.appending(path: "classes"))
    let detection = try folder.read("detection")
    #expect(detection.profile().tasks.map(\.task) == [.detection])
    #expect(detection.items.mapValues(\.count) == [.train: 6, .val: 3])
    let classes = try folder.read("classes")
    #expect(classes.profile().tasks.map(\.task) == [.multiClassClassification])
    #expect(classes.labels == SampleDataset.labels)
  }
}
