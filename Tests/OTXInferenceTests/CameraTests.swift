import OTXCore
import Testing

@testable import OTXInference

@Suite("Cameras")
struct CameraTests {
  @Test func oneThatIsNotThereIsAnErrorThatNamesIt() {
    let thrown = #expect(throws: InferenceError.self) { try CameraSource("/dev/video251") }
    #expect(thrown?.description.contains("/dev/video251") == true)
    #expect(thrown?.description.contains("No such file") == true)
  }

  @Test func whatIsNoCameraIsRefused() {
    #expect(throws: InferenceError.self) { try CameraSource("/dev/null") }
  }

  /// Black, white, and the red of BT.601's bars (75 %: 65, 100, 212).
  @Test func pairsOfPixelsAreRead() throws {
    let rows: [UInt8] = [16, 128, 235, 128, 65, 100, 65, 212, 0, 0]
    let image = try rows.withUnsafeBufferPointer {
      try Image(yuyv: $0, size: ImageSize(height: 1, width: 4), stride: 10, name: "frame")
    }
    #expect(image.pixels.prefix(6) == [0, 0, 0, 255, 255, 255])
    for (level, wanted) in zip(image.pixels.suffix(3), [191, 0, 0]) {
      #expect(abs(Int(level) - wanted) <= 3, "\(image.pixels.suffix(3))")
    }
    #expect(throws: DataError.self) {
      try rows.withUnsafeBufferPointer {
        try Image(yuyv: $0, size: ImageSize(height: 2, width: 4), stride: 10, name: "frame")
      }
    }
  }
}
