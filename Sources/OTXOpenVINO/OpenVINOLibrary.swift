import COpenVINO
public import Foundation
import OTXCore
import Synchronization

/// OpenVINO: its version and the devices it finds.
public enum OpenVINO {
  /// The version of the OpenVINO library in use.
  ///
  /// - Throws: ``NativeLibraryError`` when it cannot be opened.
  public static func version() throws -> String {
    String(cString: try OpenVINOLibrary.shared().table.version)
  }

  /// The devices of this machine, as OpenVINO names them: `CPU`, `GPU.0`.
  ///
  /// - Throws: ``NativeLibraryError``, ``OpenVINOError``.
  public static func devices() throws -> [String] {
    let library = try OpenVINOLibrary.shared()
    var text: UnsafeMutablePointer<CChar>?
    try library.check("listing the devices", library.table.devices(&text))
    return library.take(text).split(separator: "\n").map(String.init)
  }
}

/// What OpenVINO could not do.
public enum OpenVINOError: Error, Equatable, Sendable {
  case failed(String, reason: String)
  case unknownDevice(String, known: [String])
}

extension OpenVINOError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .failed(let what, let reason): "OpenVINO failed at \(what): \(reason)"
    case .unknownDevice(let device, let known):
      "OpenVINO has no device '\(device)' on this machine; it has: \(known.joined(separator: ", "))"
    }
  }
}

/// The table of functions of `libotx_openvino.so`, opened at first use.
struct OpenVINOLibrary: @unchecked Sendable {
  // The table is constant: function pointers and a text that live as long as the process.
  let table: OTXOpenVINOTable

  private static let opened = Mutex<OpenVINOLibrary?>(nil)

  static func shared() throws(NativeLibraryError) -> OpenVINOLibrary {
    let result = opened.withLock { library -> Result<OpenVINOLibrary, NativeLibraryError> in
      if let library { return .success(library) }
      let attempt = Result { () throws(NativeLibraryError) in try open() }
      library = try? attempt.get()
      return attempt
    }
    return try result.get()
  }

  /// Opens the first library that the search finds.
  static func open(
    _ search: NativeLibrarySearch = NativeLibrarySearch(fileName: "libotx_openvino.so"),
    abi: Int32 = OTX_OPENVINO_ABI
  ) throws(NativeLibraryError) -> OpenVINOLibrary {
    let file = try search.find().path
    var message: UnsafeMutablePointer<CChar>?
    guard let table = otx_openvino_open(file, &message) else {
      defer { free(message) }
      throw .unusable(file: file, reason: message.map { String(cString: $0) } ?? "no reason given")
    }
    guard table.pointee.abi == abi else {
      throw .wrongVersion(file: file, found: Int(table.pointee.abi), needed: Int(abi))
    }
    return OpenVINOLibrary(table: table.pointee)
  }

  /// Turns a message of the library into an error.
  func check(
    _ what: @autoclosure () -> String,
    _ message: UnsafeMutablePointer<CChar>?
  ) throws(OpenVINOError) {
    guard let message else { return }
    throw .failed(what(), reason: Self.reason(in: take(message)))
  }

  /// A text of the library, which is freed.
  func take(_ text: UnsafeMutablePointer<CChar>?) -> String {
    guard let text else { return "" }
    defer { table.freeText(text) }
    return String(cString: text)
  }

  /// What OpenVINO says without where in its sources it says so.
  static func reason(in message: String) -> String {
    let lines = message.split(separator: "\n").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let kept = lines.filter { line in
      !line.isEmpty && !line.hasPrefix("Exception from src/")
        && !(line.hasPrefix("Check '") && line.contains("' failed at src/"))
    }
    return (kept.isEmpty ? lines : kept).joined(separator: "; ")
  }
}

extension ElementType {
  var code: OTXElement {
    switch self {
    case .float32: OTX_ELEMENT_FLOAT32
    case .float64: OTX_ELEMENT_FLOAT64
    case .float16: OTX_ELEMENT_FLOAT16
    case .bfloat16: OTX_ELEMENT_BFLOAT16
    case .int64: OTX_ELEMENT_INT64
    case .int32: OTX_ELEMENT_INT32
    case .int16: OTX_ELEMENT_INT16
    case .int8: OTX_ELEMENT_INT8
    case .uint8: OTX_ELEMENT_UINT8
    case .bool: OTX_ELEMENT_BOOL
    }
  }

  /// `nil` for types that this package has no name for.
  init?(code: OTXElement) {
    guard let type = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = type
  }
}
