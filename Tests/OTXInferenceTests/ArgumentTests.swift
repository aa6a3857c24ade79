import Testing

@testable import OTXInference
