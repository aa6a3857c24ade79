import Foundation
import Testing

/// What Datumaro made of the samples (`Tools/datumaro/compare.py`).
struct DatumaroGolden: Decodable {
  struct Entry: Decodable, Sendable, CustomTestStringConvertible {
    /// The folder below the data.
    var path: String
    /// Datumaro's name of the format.
    var format: String
    /// The formats that Datumaro recognises there.
    var detected: [String]
    /// Why Datumaro could not read it.
    var error: String?
    var labels: [String]?
    var counts: Counts?
    /// Whether `items` holds only the first few of each subset.
    var partial: Bool?
    /// By subset and id, the texts of the annotations.
    var items: [String: [String: [String]]]?
    var media: [String: [String: Media]]?
    /// By subset and id, the annotations that have attributes.
    var annotationAttributes: [String: [String: [Attributes]]]?

    struct Counts: Decodable, Sendable { var subsets: [String: Int] }
    struct Media: Decodable, Sendable {
      var file: String?
      var size: [Int]?
    }

    /// A list of an annotation's text and its attributes.
    struct Attributes: Decodable, Sendable {
      var text: String
      var values: [String: String]

      init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        text = try container.decode(String.self)
        values = try container.decode([String: String].self)
      }
    }

    var testDescription: String { "\(path) as \(format)" }
  }

  var entries: [Entry]

  static func read() throws -> DatumaroGolden {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/datumaro.json")
    return try JSONDecoder().decode(DatumaroGolden.self, from: Data(contentsOf: url))
  }
}
