package import OTXCore

extension DatasetItem {
  /// The item's picture, the way its annotations lie on it.
  ///
  /// - Throws: ``OTXCore/DataError/unreadable(file:reason:)``.
  package func picture() throws -> Image { try SampleLoader<Detection>.image(of: self) }
}
