import Foundation
import OTXCore
import OTXTesting

/// What `Tools/goldens/checkpoints.py` wrote: files of `torch.save`, and what they hold.
struct CheckpointGoldens: Decodable {
  struct Tensor: Decodable {
    var name: String
    var type: ElementType
    var shape: [Int]
    var values: [Double]
  }
  struct Case: Decodable {
    var file: Data
    var tensors: [Tensor]
  }
  var readable: [String: Case]
  var refused: [String: Data]

  static func load() throws -> CheckpointGoldens {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/checkpoints.json")
    return try JSONDecoder().decode(CheckpointGoldens.self, from: Data(contentsOf: url))
  }

  /// The file of a case that can be read.
  static func file(_ name: String) throws -> Data {
    guard let found = try load().readable[name] else { throw CocoaError(.fileNoSuchFile) }
    return found.file
  }
}

extension ArrayBuffer {
  /// The elements as doubles, 16-bit floats included.
  var allDoubles: [Double] {
    func halves(_ convert: (UInt16) -> Float) -> [Double] {
      stride(from: 0, to: bytes.count, by: 2).map {
        Double(convert(UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8))
      }
    }
    return switch elementType {
    case .bfloat16: halves { Float(bitPattern: UInt32($0) << 16) }
    case .float16: halves { Float(Float16(bitPattern: $0)) }
    default: doubles() ?? []
    }
  }
}
