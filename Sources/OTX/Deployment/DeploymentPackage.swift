public import Foundation

/// How a model is packed for machines that have nothing of this package.
public struct DeployOptions: Sendable, Equatable {
  /// How a checkpoint is exported first.
  public var export = ExportOptions()
  /// A picture to try the package on; `nil`: one of the data, where there is data.
  public var sample: URL?
  public init() {}
}

/// A zip archive that holds a model and everything that running it takes.
public struct DeploymentPackage: Codable, Sendable, Equatable {
  public var archive: URL
  public var byteCount: Int
  /// Bytes once it is unpacked.
  public var unpackedByteCount: Int
  /// The files in it, below the one folder that it unpacks to.
  public var files: [String]
  /// What is not in it, and why.
  public var notes: [String]

  package init(
    archive: URL,
    byteCount: Int,
    unpackedByteCount: Int,
    files: [String],
    notes: [String] = []
  ) {
    self.notes = notes
    self.archive = archive
    self.byteCount = byteCount
    self.unpackedByteCount = unpackedByteCount
    self.files = files
  }
}
