import CVideo4Linux
import Foundation
import OTXCore
import OTXImage

/// A camera of this machine, read without another program.
final class CameraSource: FrameSource, @unchecked Sendable {
  // Pulled by one thread at a time, hence the unchecked conformance.
  private let camera: OpaquePointer
  private let format: otx_camera_format
  private let device: String
  private let start = ContinuousClock.now
  private var index = 0
  private var isBroken = false
  /// Longer than the longest exposure; a camera that says nothing is unplugged or in use.
  private static let timeout: Int32 = 10_000

  /// - Returns: `nil` for a camera whose pictures are of a kind that is not read here.
  /// - Throws: ``InferenceError/failed(_:)`` for what is no camera, is not there, or is in use.
  init?(_ device: String, size: ImageSize = ImageSize(height: 480, width: 640)) throws {
    var format = otx_camera_format()
    var unsupported: Int32 = 0
    var message = [CChar](repeating: 0, count: 256)
    let camera = otx_camera_open(
      device,
      Int32(clamping: size.height),
      Int32(clamping: size.width),
      &format,
      &unsupported,
      &message,
      message.count
    )
    guard let camera else {
      if unsupported != 0 { return nil }
      throw InferenceError.failed("the camera '\(device)': \(CameraSource.text(message))")
    }
    (self.camera, self.format, self.device) = (camera, format, device)
  }

  deinit { otx_camera_close(camera) }

  var frameRate: Double? { format.rate > 0 ? format.rate : nil }
  var isLive: Bool { true }

  func next() throws -> SourceEvent? {
    guard !isBroken else { return nil }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let origin = FrameOrigin(kind: .camera, name: device, index: index, time: seconds)
    var message = [CChar](repeating: 0, count: 256)
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    guard
      otx_camera_next(camera, CameraSource.timeout, &bytes, &count, &message, message.count) == 0,
      let bytes
    else {
      isBroken = true
      return .damaged(origin, reason: CameraSource.text(message))
    }
    index += 1
    let frame = UnsafeBufferPointer(start: bytes, count: count)
    do {
      let image =
        format.format == Int32(OTX_CAMERA_JPEG)
        ? try ImageFile.decode(Array(frame), name: origin.place)
        : try Image(
          yuyv: frame,
          size: ImageSize(height: Int(format.height), width: Int(format.width)),
          stride: Int(format.stride),
          name: origin.place
        )
      return .frame(SourceFrame(origin: origin, image: image))
    } catch {
      // One bad frame of a cable that is moved; the next may be well.
      return .damaged(origin, reason: reason(error, of: origin.place))
    }
  }

  private static func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension Image {
  /// Reads pixels of which two share their colour: `Y0 U Y1 V`, as ITU-R BT.601 has them (16…235).
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for fewer bytes than the size needs.
  init(yuyv bytes: UnsafeBufferPointer<UInt8>, size: ImageSize, stride: Int, name: String) throws {
    let pairs = size.width / 2
    guard size.height > 0, pairs > 0, stride >= 4 * pairs,
      bytes.count >= (size.height - 1) * stride + 4 * pairs
    else { throw DataError.unreadable(file: name, reason: "is cut short") }
    let width = 2 * pairs
    let pixels = [UInt8](unsafeUninitializedCapacity: size.height * width * 3) { target, count in
      func level(_ value: Int) -> UInt8 { UInt8(min(max((value + 512) >> 10, 0), 255)) }
      var place = 0
      for row in 0..<size.height {
        for pair in 0..<pairs {
          let source = row * stride + 4 * pair
          let (u, v) = (Int(bytes[source + 1]) - 128, Int(bytes[source + 3]) - 128)
          for offset in [0, 2] {
            // 255/219 and the matrix of BT.601, in 1024ths.
            let light = 1192 * (Int(bytes[source + offset]) - 16)
            target[place] = level(light + 1634 * v)
            target[place + 1] = level(light - 401 * u - 833 * v)
            target[place + 2] = level(light + 2066 * u)
            place += 3
          }
        }
      }
      count = place
    }
    self.init(size: ImageSize(height: size.height, width: width), pixels: pixels)
  }
}
