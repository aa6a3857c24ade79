public import Foundation

/// The files of an exported model.
public struct ExportedModel: Codable, Sendable, Equatable {
  /// The model; its weights stand beside it in `bin`.
  public var xml: URL
  public var bin: URL
  /// What the model carries with it.
  public var info: ModelInfo

  public init(xml: URL, bin: URL, info: ModelInfo) {
    self.xml = xml
    self.bin = bin
    self.info = info
  }

  /// Bytes of the model `xml` and its weights.
  package static func byteCount(of xml: URL) -> Int {
    [xml, xml.deletingPathExtension().appendingPathExtension("bin")].reduce(0) { sum, file in
      sum + ((try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0)
    }
  }

  /// Moves every file of the folder `source`, this model among them, into `target`, replacing what
  /// has the same name there.
  ///
  /// The model's description comes last: until then the folder holds no model, or the old one with
  /// its old weights unless those have the same name.
  public func moved(from source: URL, to target: URL) throws -> ExportedModel {
    try Folder.moveContents(of: source, to: target, last: xml.lastPathComponent)
    var moved = self
    moved.xml = target.appending(path: xml.lastPathComponent)
    moved.bin = target.appending(path: bin.lastPathComponent)
    return moved
  }
}
