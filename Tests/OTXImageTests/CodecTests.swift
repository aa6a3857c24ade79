import Foundation
import OTXCore
import Testing

@testable import OTXImage

@Suite("Picture files")
struct CodecTests {
  @Test("pixels are those that Pillow and OpenCV read")
  func decoding() throws {
    for golden in try ImageGoldens.read().decoding {
      let image = try ImageFile.decode(Array(golden.file), name: golden.name)
      let size = ImageSize(height: golden.height, width: golden.width)
      #expect(image.size == size, "\(golden.name)")
      let difference = largestDifference(image.pixels, golden.pixels)
      #expect(difference <= golden.tolerance, "\(golden.name): off by \(difference)")
      #expect(try ImageHeader(of: Array(golden.file), name: "").size == size, "\(golden.name)")
    }
  }

  @Test("a file cut anywhere is an error, never a half-grey picture")
  func truncation() throws {
    for golden in try ImageGoldens.read().decoding {
      let bytes = Array(golden.file)
      // The last bytes of a JPEG may be missing without harm to a pixel only in its end marker.
      for count in stride(from: 0, through: bytes.count - 3, by: 7) {
        let error = #expect(throws: DataError.self, "\(golden.name) cut to \(count) bytes") {
          try ImageFile.decode(Array(bytes[..<count]), name: "cut.jpg")
        }
        #expect(error?.description.hasPrefix("cut.jpg: ") ?? false)
      }
    }
  }

  @Test("damaged bytes give a picture or an error, and never a crash")
  func damage() throws {
    for golden in try ImageGoldens.read().decoding {
      let bytes = Array(golden.file)
      for round in 0..<200 {
        var generator = CounterGenerator(seed: 7, UInt64(round), UInt64(bytes.count))
        var damaged = bytes
        for _ in 0..<(1 + round % 8) {
          damaged[Int(generator.next() % UInt64(bytes.count))] = UInt8(
            truncatingIfNeeded: generator.next()
          )
        }
        do {
          let image = try ImageFile.decode(damaged, name: "damaged")
          #expect(image.pixels.count == image.height * image.width * 3)
        } catch {
          #expect(error is DataError)
        }
      }
    }
  }

  @Test("what is no picture is said to be what it is")
  func notPictures() {
    func reason(_ bytes: [UInt8]) -> String {
      do {
        _ = try ImageFile.decode(bytes, name: "a.jpg")
        return "decoded"
      } catch { return "\(error)" }
    }
    #expect(reason([]) == "a.jpg: is empty (0 bytes)")
    #expect(reason(Array("hello\n".utf8)).contains("it holds text"))
    #expect(reason(Array("../train/b.jpg".utf8)).contains("a symbolic link copied as a file?"))
    #expect(reason(Array("version https://git-lfs.github.com/spec/v1".utf8)).contains("Git LFS"))
    #expect(reason([UInt8](repeating: 0, count: 200)).contains("it holds zeros"))
    #expect(reason(Array("GIF89a".utf8)).contains("GIF"))
    #expect(reason([0xFF, 0xD8, 0xFF]).contains("cut short"))
    #expect(reason(Array("BM".utf8)).contains("cut short"))
  }

  @Test("a picture that claims to be huge is refused before memory is taken")
  func hugePictures() throws {
    var png = try ImageFile.png(patterned(height: 4, width: 4))
    png.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    let error = #expect(throws: DataError.self) { try ImageFile.decode(png, name: "huge.png") }
    #expect(error?.description.contains("claims a size of 2147483647x2147483647") ?? false)
    png.replaceSubrange(16..<24, with: [0, 0, 0, 0, 0, 0, 0, 4])
    #expect(throws: DataError.self) { try ImageFile.decode(png, name: "empty.png") }
  }

  @Test("written pictures read back: PNG exactly, JPEG nearly")
  func roundTrip() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "otx-codec-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }

    let image = patterned(height: 33, width: 21)
    let png = folder.appending(path: "a.png")
    try ImageFile.write(image, to: png)
    #expect(try ImageFile.read(png) == image)
    #expect(try ImageHeader(of: png).format == .png)

    let ramp = smooth(height: 20, width: 30)
    // The name does not decide the format when reading.
    let jpeg = folder.appending(path: "b.jpg")
    try ImageFile.write(ramp, to: jpeg)
    let misnamed = folder.appending(path: "c.png")
    try FileManager.default.copyItem(at: jpeg, to: misnamed)
    let read = try ImageFile.read(misnamed)
    #expect(largestDifference(read.pixels, Data(ramp.pixels)) <= 6)
    #expect(try ImageFile.size(of: misnamed) == ramp.size)
  }

  @Test("JPEG is decoded at a part of its size as libjpeg-turbo does it")
  func reducedDecoding() throws {
    for golden in try CodecGoldens.read().reduced {
      let bytes = Array(golden.file)
      let header = try ImageHeader(of: bytes, name: "")
      let image = try ImageFile.decode(
        bytes,
        header: header,
        name: "",
        orientation: .applied,
        reduction: golden.divisor
      )
      #expect(image.size == ImageSize(height: golden.height, width: golden.width))
      #expect(largestDifference(image.pixels, golden.pixels) <= 1, "1/\(golden.divisor)")
    }
  }

  @Test("the reduction keeps what is needed, and only JPEG has one")
  func reductions() throws {
    let jpeg = try ImageHeader(of: ImageFile.jpeg(smooth(height: 96, width: 200)), name: "")
    func reduction(_ height: Int, _ width: Int) -> Int {
      jpeg.reduction(keeping: ImageSize(height: height, width: width), isOriented: true)
    }
    #expect(reduction(12, 25) == 8)
    #expect(reduction(13, 25) == 4)
    #expect(reduction(24, 50) == 4)
    #expect(reduction(48, 51) == 2)
    #expect(reduction(49, 10) == 1)
    let png = try ImageHeader(of: ImageFile.png(smooth(height: 96, width: 200)), name: "")
    #expect(png.reduction(keeping: ImageSize(height: 4, width: 4), isOriented: true) == 1)
  }

  @Test("formats that are not read are named with what to do")
  func foreignFormats() {
    func reason(_ text: String) -> String {
      do {
        _ = try ImageFile.decode(Array(text.utf8), name: "a.jpg")
        return "decoded"
      } catch { return "\(error)" }
    }
    #expect(reason("GIF89a").contains("it is a GIF: convert it to PNG"))
    #expect(reason("\0\0\0\u{18}ftypheic").contains("a HEIC picture: convert it to JPEG"))
    #expect(reason("\0\0\0\u{18}ftypavif").contains("an AVIF picture"))
    #expect(reason("\0\0\0\u{18}ftypisom").contains("a video"))
    #expect(reason("\0\0\0\u{c}jP  \r\n").contains("JPEG 2000"))
    #expect(reason("GIF89a").contains("JPEG, PNG, BMP, TIFF and WebP are read"))
  }

  @Test("a file of several pictures says so")
  func severalPictures() throws {
    for golden in try CodecGoldens.read().decoding {
      let expected = ["tiff-two-pages", "webp-animated"].contains(golden.name)
      let header = try ImageHeader(of: Array(golden.file), name: "")
      #expect(header.hasMorePictures == expected, "\(golden.name)")
      #expect(header.hasEnd, "\(golden.name)")
    }
  }

  @Test("unusable places are named")
  func places() throws {
    let missing = URL(filePath: "/nowhere/a.jpg")
    let error = #expect(throws: DataError.self) { try ImageFile.read(missing) }
    #expect(error?.description == "/nowhere/a.jpg: the file does not exist")
    let folder = #expect(throws: DataError.self) {
      try ImageFile.read(FileManager.default.temporaryDirectory)
    }
    #expect(folder?.description.contains("is a folder, not a file") ?? false)
    let write = #expect(throws: DataError.self) {
      try ImageFile.write(patterned(height: 2, width: 2), to: missing)
    }
    #expect(write?.description.hasPrefix("/nowhere/a.jpg: cannot be written") ?? false)
  }

  @Test("why a file cannot be opened is said in words")
  func openingErrors() {
    func reason(_ code: Int32) -> String { ReadableFile.reason(for: code, opening: "/nowhere/a") }
    #expect(reason(EACCES).hasPrefix("may not be read: "))
    #expect(reason(ENOENT) == "the file does not exist")
    #expect(reason(EIO).hasPrefix("cannot be read: "))
    #expect(reason(ELOOP) == "is a link that leads back to itself")
  }

  @Test("stored pixels can be had without EXIF's turn")
  func storedPixels() throws {
    let goldens = try ImageGoldens.read().decoding
    let turned = try #require(goldens.first { $0.name == "jpeg-orientation-6" })
    let header = try ImageHeader(of: Array(turned.file), name: "")
    #expect(header.orientation == 6)
    #expect(header.storedSize == ImageSize(height: 12, width: 20))
    let image = try ImageFile.decode(Array(turned.file), name: "", orientation: .ignored)
    #expect(image.size == ImageSize(height: 12, width: 20))
    #expect(largestDifference(image.pixels, Data(smooth(height: 12, width: 20).pixels)) <= 4)
  }
}
