import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting

extension TemporaryFolder {
  /// Writes a grey picture.
  func picture(_ path: String, height: Int = 24, width: Int = 32) throws {
    let image = Image(size: ImageSize(height: height, width: width), red: 90, green: 90, blue: 90)
    try write(Data(ImageFile.png(image)), to: path)
  }

  func read(
    _ path: String = "",
    format: String? = nil,
    strict: Bool = false
  ) throws -> Dataset {
    let root = path.isEmpty ? url : url.appending(path: path)
    return try DatasetReader.read(.root(root, format: format), strict: strict)
  }

  /// The error of reading this folder.
  func readingError(_ path: String = "", format: String? = nil, strict: Bool = false) -> String {
    do {
      return "read: \(try read(path, format: format, strict: strict))"
    } catch { return "\(error)".replacingOccurrences(of: url.path, with: "ROOT") }
  }
}

extension BoundingBox {
  init(_ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float) {
    self.init(x1: x1, y1: y1, x2: x2, y2: y2)
  }
}

extension Dataset {
  func boxes(_ subset: Subset, _ index: Int) -> [BoundingBox] {
    guard let items = items[subset], items.indices.contains(index) else { return [] }
    return items[index].annotations.compactMap(\.box)
  }

  func kinds(_ remedy: DatasetProblem.Remedy) -> [String] {
    problems.filter { $0.remedy == remedy }.map(\.kind)
  }
}

/// A step with some of its parameters changed.
func with<Step: AugmentationStep>(_ step: Step, _ change: (inout Step) -> Void) -> Augmentation {
  var step = step
  change(&step)
  return step.augmentation
}
