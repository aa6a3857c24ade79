import HTTPTypes
import OTXCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The one file of a body of `multipart/form-data` (RFC 7578).
struct MultipartFile: Equatable {
  var contentType: String?
  var fileName: String
  var content: ArraySlice<UInt8>

  private static let partLimit = 32
  private static let headerLimit = 8 << 10

  /// - Parameters:
  ///   - body: The whole body.
  ///   - contentType: The header that names the boundary.
  /// - Throws: ``Problem`` that says what is wrong with the form.
  init(in body: [UInt8], contentType: MediaType) throws {
    guard let boundary = contentType.parameters["boundary"], (1...70).contains(boundary.utf8.count)
    else { throw Self.failure("its Content-Type names no boundary of 1 to 70 letters") }
    let mark = Array("--\(boundary)".utf8)
    let lineMark = [13, 10] + mark
    guard
      var place = body.starts(with: mark)
        ? 0 : body.firstIndex(of: lineMark, from: 0).map({ $0 + 2 })
    else { throw Self.failure("it does not hold the boundary that its Content-Type names") }
    var files: [MultipartFile] = []
    var names: [String] = []
    while true {
      var start = place + mark.count
      if body[start...].starts(with: [45, 45]) { break }
      // Padding between a boundary and its line's end is allowed.
      while start < body.count, body[start] == 32 || body[start] == 9 { start += 1 }
      guard body[start...].starts(with: [13, 10]) else {
        throw Self.failure("a boundary has no end of line")
      }
      guard let end = body.firstIndex(of: lineMark, from: start) else {
        throw Self.failure("it ends before its last boundary: it was cut short")
      }
      names.append("")
      guard names.count <= Self.partLimit else {
        throw Self.failure("it has more than \(Self.partLimit) parts")
      }
      let part = try Part(body[(start + 2)..<max(end, start + 2)], isEmpty: end == start)
      if let name = part.fileName {
        files.append(
          MultipartFile(contentType: part.contentType, fileName: name, content: part.content)
        )
      }
      place = end + 2
    }
    guard files.count == 1 else {
      throw Self.failure(
        files.isEmpty
          ? "it holds no file: a part with a filename is needed"
          : "it holds \(files.count) files; one picture is looked at for each request"
      )
    }
    self = files[0]
  }

  private init(contentType: String?, fileName: String, content: ArraySlice<UInt8>) {
    (self.contentType, self.fileName, self.content) = (contentType, fileName, content)
  }

  static func failure(_ reason: String) -> Problem {
    Problem(.badRequest, .badForm, "the form cannot be read: \(reason)")
  }

  /// A part: header lines, an empty line, the content.
  private struct Part {
    var contentType: String?
    var fileName: String?
    var content: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>, isEmpty: Bool) throws {
      let head: ArraySlice<UInt8>
      if bytes.starts(with: [13, 10]) {
        (head, content) = (bytes.prefix(0), bytes.dropFirst(2))
      } else {
        let searched = Array(bytes.prefix(MultipartFile.headerLimit))
        guard !isEmpty, let end = searched.firstIndex(of: [13, 10, 13, 10], from: 0) else {
          throw MultipartFile.failure("a part has no end of its header")
        }
        (head, content) = (bytes.prefix(end), bytes.dropFirst(end + 4))
      }
      for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
        guard let colon = line.firstIndex(of: ":") else { continue }
        let value = String(line[line.index(after: colon)...])
        switch line[..<colon].lowercased() {
        case "content-type": contentType = value.trimmed
        case "content-disposition": fileName = MediaType(value).parameters["filename"]
        default: break
        }
      }
    }
  }
}

/// A header's value with parameters: `image/png`, `multipart/form-data; boundary="x"`.
struct MediaType: Equatable {
  /// Lower case, without parameters.
  var name: String
  /// Names in lower case.
  var parameters: [String: String] = [:]

  init(_ text: String) {
    var pieces: [String] = [""]
    var isQuoted = false
    var isEscaped = false
    for character in text {
      if isEscaped {
        pieces[pieces.count - 1].append(character)
        isEscaped = false
      } else if isQuoted, character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ";", !isQuoted {
        pieces.append("")
      } else {
        pieces[pieces.count - 1].append(character)
      }
    }
    name = pieces[0].trimmed.lowercased()
    for piece in pieces.dropFirst() {
      guard let sign = piece.firstIndex(of: "=") else { continue }
      let key = String(piece[..<sign]).trimmed.lowercased()
      if parameters[key] == nil {
        parameters[key] = String(piece[piece.index(after: sign)...]).trimmed
      }
    }
  }

  var isPicture: Bool { name.hasPrefix("image/") && name.utf8.count > 6 }
}

extension String {
  var trimmed: String {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}

extension [UInt8] {
  /// Where `pattern` begins first, from `start` on.
  fileprivate func firstIndex(of pattern: [UInt8], from start: Int) -> Int? {
    withUnsafeBytes { bytes -> Int? in
      pattern.withUnsafeBytes { pattern -> Int? in
        guard let base = bytes.baseAddress, let wanted = pattern.baseAddress else { return nil }
        var place = start
        while place + pattern.count <= bytes.count,
          let found = memchr(
            base + place,
            Int32(pattern[0]),
            bytes.count - pattern.count - place + 1
          )
        {
          if memcmp(found, wanted, pattern.count) == 0 { return UnsafeRawPointer(found) - base }
          place = UnsafeRawPointer(found) - base + 1
        }
        return nil
      }
    }
  }
}
