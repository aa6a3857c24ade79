public import Foundation

extension ModelInfo {
  /// Reads the record that ``jsonData()`` writes.
  ///
  /// - Parameters:
  ///   - json: The record.
  ///   - source: What it stands in, for messages.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a damaged record, and for one
  ///   of a newer format: the message says which version of this program reads it.
  public init(json: Data, source: String) throws {
    do throws(FormatError) {
      self = try ModelInfo(json: json)
    } catch {
      throw ModelError.unreadableCheckpoint(file: source, reason: error.reason)
    }
  }

  init(json: Data) throws(FormatError) {
    struct Version: Decodable {
      var formatVersion: Int
      var otxVersion: String?
    }
    let decoder = JSONDecoder()
    do {
      let version = try decoder.decode(Version.self, from: json)
      guard version.formatVersion <= ModelInfo.currentFormatVersion else {
        let writer = version.otxVersion.map { "OTX \($0) or newer" } ?? "a newer OTX"
        throw FormatError(
          "it is in format \(version.formatVersion), which \(writer) reads; this is OTX "
            + "\(OTXVersion.current), which reads formats up to \(ModelInfo.currentFormatVersion)"
        )
      }
      self = try decoder.decode(ModelInfo.self, from: json)
    } catch let error as FormatError {
      throw error
    } catch let error as DecodingError {
      throw FormatError("its model information is damaged: \(error.shortDescription)")
    } catch {
      throw FormatError("its model information is damaged: \(error.localizedDescription)")
    }
  }

  /// The record as JSON: keys in order, so that equal values are equal bytes.
  public func jsonData() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}

extension DecodingError {
  /// Which key is wrong, and how, in one line.
  var shortDescription: String {
    func path(_ context: Context, _ key: (any CodingKey)? = nil) -> String {
      let keys = context.codingPath + (key.map { [$0] } ?? [])
      return keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
    switch self {
    case .keyNotFound(let key, let context): return "'\(path(context, key))' is missing"
    case .typeMismatch(let type, let context):
      return "'\(path(context))' is no \(type)"
    case .valueNotFound(let type, let context):
      return "'\(path(context))' is null; it must be \(type)"
    case .dataCorrupted(let context):
      let place = path(context)
      return place.isEmpty ? context.debugDescription : "'\(place)': \(context.debugDescription)"
    @unknown default: return localizedDescription
    }
  }
}
