public import OTXCore

/// Weights that somebody else trained and published: what is known of them without having them.
///
/// The rows are ``PublishedWeights/all``, written by `Tools/weights/manifest.py` from what
/// torchvision and timm say of their own files.
public struct PublishedWeights: Sendable, Equatable {
  /// What is known of a file's contents before it is there.
  public enum Checksum: Sendable, Equatable {
    /// The SHA-256, 64 hexadecimal digits.
    case sha256(String)
    /// The first digits of the SHA-256. torchvision's file names carry 8 of them and nothing else is
    /// published: these are what is checked, 32 of 256 bits. Enough against damage, not against
    /// forgery.
    case sha256Prefix(String)
    /// Nothing is published with the file's address. Where the server states a SHA-256 of its own
    /// (Hugging Face does), that is what is checked; else only the length.
    case unpublished

    /// The digits that are known; empty for none.
    public var digits: String {
      switch self {
      case .sha256(let digits), .sha256Prefix(let digits): digits
      case .unpublished: ""
      }
    }
  }

  /// The network of the zoo that they are for: `resnet18`.
  public var name: String
  /// Which of the network's published weights: `IMAGENET1K_V1`, `augreg_in21k_ft_in1k`.
  public var version: String
  public var fileName: String
  public var url: String
  public var checksum: Checksum
  /// An SPDX identifier: `BSD-3-Clause`.
  public var licence: String
  /// What the pictures were normalised with, R, G, B in units of 0…255.
  public var mean: [Float]
  public var std: [Float]
  public var inputSize: ImageSize
  /// Classes of the file's classifier; 0: it has none.
  public var classCount: Int
  /// A page for people.
  public var page: String

  public init(
    name: String,
    version: String,
    fileName: String,
    url: String,
    checksum: Checksum,
    licence: String,
    mean: [Float] = Preprocessing.imageNetMean,
    std: [Float] = Preprocessing.imageNetStd,
    inputSize: ImageSize,
    classCount: Int,
    page: String
  ) {
    self.name = name
    self.version = version
    self.fileName = fileName
    self.url = url
    self.checksum = checksum
    self.licence = licence
    self.mean = mean
    self.std = std
    self.inputSize = inputSize
    self.classCount = classCount
    self.page = page
  }
}
