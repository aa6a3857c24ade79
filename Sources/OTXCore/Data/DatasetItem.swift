public import Foundation

/// One picture and whatever its dataset says about it; the same for every file format.
///
/// Small on purpose: an index of a million items is a few hundred megabytes.
public struct DatasetItem: Sendable, Equatable {
  /// Unique within its subset: the picture's path below the dataset's root, as a rule.
  public var id: String
  public var image: ImageSource
  public var annotations: [Annotation]
  /// What the dataset says of the picture besides.
  public var attributes: [String: AttributeValue] = [:]
  private var statedSize: StatedSize
  private var originFile: String
  private var originEntry: Int32

  /// - Parameters:
  ///   - id: Unique within its subset.
  ///   - image: Where its pixels are.
  ///   - size: Size as the annotation file states it.
  ///   - annotations: What is said about it.
  ///   - origin: The annotation file it stands in, as messages call it.
  ///   - entry: The number of its entry there, where it has one.
  public init(
    id: String,
    image: ImageSource,
    size: ImageSize? = nil,
    annotations: [Annotation],
    origin: String = "",
    entry: Int? = nil
  ) {
    self.id = id
    self.image = image
    self.annotations = annotations
    statedSize = StatedSize(size)
    originFile = origin
    originEntry = entry.flatMap { Int32(exactly: $0) } ?? -1
  }

  /// Size as the annotation file states it; `nil` where it does not.
  ///
  /// The decoded picture counts.
  public var size: ImageSize? {
    get { statedSize.value }
    set { statedSize = StatedSize(newValue) }
  }

  /// Where the item stands in its annotation file, for messages: `train.json: image 7 (a.jpg)`.
  public var origin: String {
    get { originEntry < 0 ? originFile : "\(originFile): image \(originEntry) (\(id))" }
    set { (originFile, originEntry) = (newValue, -1) }
  }

  /// A size in 8 bytes; sides of 2^31 pixels and more are not stated.
  private struct StatedSize: Equatable, Sendable {
    var height: Int32 = -1
    var width: Int32 = -1

    init(_ size: ImageSize?) {
      guard let size, let height = Int32(exactly: size.height),
        let width = Int32(exactly: size.width)
      else { return }
      (self.height, self.width) = (height, width)
    }

    var value: ImageSize? {
      height == -1 && width == -1 ? nil : ImageSize(height: Int(height), width: Int(width))
    }
  }
}

/// Where a picture's pixels are.
///
/// Reading them is the image layer's work.
public enum ImageSource: Sendable, Equatable {
  case path(PicturePath)
  case memory(Image)
  /// A picture inside another file.
  case embedded(EmbeddedPicture)

  /// A picture file.
  public static func file(_ url: URL) -> ImageSource {
    .path(
      PicturePath(
        folder: PictureFolder(url.deletingLastPathComponent()),
        name: url.lastPathComponent
      )
    )
  }

  /// The picture's file; `nil` for one that is no file of its own.
  public var url: URL? {
    if case .path(let path) = self { path.url } else { nil }
  }
}

/// The path of a picture file: a folder that many share, and what is below it.
public struct PicturePath: Sendable, Hashable {
  public let folder: PictureFolder
  /// The path below the folder.
  public let name: String

  public init(folder: PictureFolder, name: String) { (self.folder, self.name) = (folder, name) }

  public var url: URL { URL(filePath: path) }

  public var path: String {
    folder.path.hasSuffix("/") ? folder.path + name : "\(folder.path)/\(name)"
  }
}

/// A folder of pictures.
public final class PictureFolder: Sendable, Hashable {
  public let path: String

  public init(_ url: URL) { path = url.path }

  public static func == (left: PictureFolder, right: PictureFolder) -> Bool {
    left === right || left.path == right.path
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(path) }
}

/// A picture that is a part of a file: an entry of an archive, a row of a table, a frame of a video.
public struct EmbeddedPicture: Sendable, Equatable {
  /// The file it is in.
  public var url: URL
  /// How it is named there, for messages.
  public var name: String
  /// Reads it; called on any thread, each time the picture is needed.
  private let reader: any EmbeddedPictureReader

  public init(url: URL, name: String, reader: any EmbeddedPictureReader) {
    (self.url, self.name, self.reader) = (url, name, reader)
  }

  /// The picture's size, without decoding it where that is possible.
  public func size() throws -> ImageSize { try reader.size(of: name) }

  /// The picture's pixels.
  public func image() throws -> Image { try reader.image(of: name) }

  /// The bytes of its picture file (JPEG, PNG, …); `nil` where it is stored in another way.
  public func encodedBytes() throws -> [UInt8]? { try reader.encodedBytes(of: name) }

  public static func == (left: EmbeddedPicture, right: EmbeddedPicture) -> Bool {
    left.url == right.url && left.name == right.name
  }
}

/// Reads pictures out of a file that holds several.
public protocol EmbeddedPictureReader: AnyObject, Sendable {
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func size(of name: String) throws -> ImageSize
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func image(of name: String) throws -> Image
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func encodedBytes(of name: String) throws -> [UInt8]?
}

extension EmbeddedPictureReader {
  public func encodedBytes(of name: String) throws -> [UInt8]? { nil }
}

/// A part of a dataset.
///
/// The raw values are the names in files and on the command line.
public enum Subset: String, Codable, CaseIterable, Sendable {
  case train, val, test, unlabeled
}

/// Dictionaries by subset become JSON objects, not lists.
extension Subset: CodingKeyRepresentable {}

/// Index of a label inside ``LabelInfo/names``; never a category id of a file format.
public typealias LabelIndex = Int

/// The labels that a model knows, in the order of its outputs.
public struct LabelInfo: Sendable {
  public let names: [String]
  /// Groups and tree of the labels, for tasks that know of them; `nil` for a plain list.
  public let hierarchy: LabelHierarchy?
  /// Where each name stands first.
  private let indices: [String: LabelIndex]

  public init(names: [String]) { self.init(names: names, hierarchy: nil) }

  /// Labels that form a tree, in the order of its groups.
  public init(hierarchy: LabelHierarchy) {
    self.init(names: hierarchy.labels, hierarchy: hierarchy)
  }

  /// The hierarchy; of a plain list, one group of all labels.
  public var effectiveHierarchy: LabelHierarchy { hierarchy ?? LabelHierarchy(flat: names) }

  private init(names: [String], hierarchy: LabelHierarchy?) {
    self.names = names
    self.hierarchy = hierarchy
    indices = Dictionary(
      names.enumerated().map { ($0.element, $0.offset) },
      uniquingKeysWith: { first, _ in first }
    )
  }

  public var count: Int { names.count }

  /// The index of the label called `name`; `nil` for one that is not on the list.
  public func index(of name: String) -> LabelIndex? { indices[name] }

  /// The name of the label at `index`, or `label <index>` for one that is not on the list.
  public func name(_ index: LabelIndex) -> String {
    names.indices.contains(index) ? names[index] : "label \(index)"
  }
}

extension LabelInfo: Hashable {
  public static func == (left: LabelInfo, right: LabelInfo) -> Bool {
    left.names == right.names && left.hierarchy == right.hierarchy
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(names) }
}

extension LabelInfo: Codable {
  private enum CodingKeys: String, CodingKey { case names, hierarchy }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let hierarchy = try container.decodeIfPresent(LabelHierarchy.self, forKey: .hierarchy) {
      self.init(hierarchy: hierarchy)
    } else {
      self.init(names: try container.decode([String].self, forKey: .names))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(names, forKey: .names)
    try container.encodeIfPresent(hierarchy, forKey: .hierarchy)
  }
}
