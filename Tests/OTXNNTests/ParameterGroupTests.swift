import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Which parameter trains at which rate.
@Suite struct ParameterGroupTests {
  /// Parameters of two axes, but of one where the name says so.
  private func parameters(_ names: [String]) throws -> [(name: String, parameter: Parameter)] {
    try names.map { name in
      let isFlat = name.hasSuffix("bias") || name.contains("norm") || name.contains("bn")
      return (name, try Parameter(.zeros(isFlat ? [2] : [2, 2])))
    }
  }

  private func factors(
    _ names: [String],
    _ change: (inout OptimizerOptions) -> Void
  ) throws -> [String: [Double]] {
    var options = OptimizerOptions()
    change(&options)
    var found: [String: [Double]] = [:]
    for group in try ParameterGroup.groups(of: parameters(names), options) {
      for (name, _) in group.parameters {
        #expect(found[name] == nil)
        found[name] = [group.learningRateFactor, group.weightDecayFactor]
      }
    }
    return found
  }

  static let detector = [
    "backbone.conv1.weight", "backbone.bn1.weight", "backbone.layer1.0.conv1.weight",
    "backbone.layer1.1.conv1.weight", "backbone.layer2.0.conv1.weight", "neck.0.weight",
    "head.cls.weight", "head.cls.bias",
  ]

  @Test func everythingIsOneGroupUnlessAskedFor() throws {
    let groups = try ParameterGroup.groups(of: parameters(Self.detector), OptimizerOptions())
    #expect(groups.count == 1)
    #expect(groups[0].parameters.map(\.name) == Self.detector)
  }

  @Test func theFirstPatternThatFitsCounts() throws {
    let found = try factors(Self.detector) {
      $0.groups = [
        OptimizerGroup(parameters: "backbone.layer2.*", learningRateScale: 0.5),
        OptimizerGroup(parameters: "backbone.*", learningRateScale: 0.1, weightDecayScale: 0),
        OptimizerGroup(parameters: "*.bias", weightDecayScale: 2),
      ]
    }
    #expect(found.count == Self.detector.count)
    #expect(found["backbone.layer2.0.conv1.weight"] == [0.5, 1])
    #expect(found["backbone.layer1.1.conv1.weight"] == [0.1, 0])
    #expect(found["head.cls.bias"] == [1, 2])
    #expect(found["neck.0.weight"] == [1, 1])
  }

  @Test func normsAndBiasesMayGoWithoutDecay() throws {
    let found = try factors(Self.detector) {
      $0.decayNormAndBias = false
      $0.groups = [OptimizerGroup(parameters: "backbone.*", weightDecayScale: 3)]
    }
    #expect(found["backbone.bn1.weight"] == [1, 0])
    #expect(found["backbone.conv1.weight"] == [1, 3])
    #expect(found["head.cls.bias"] == [1, 0])
  }

  @Test(arguments: [
    ("bakbone.*", "did you mean 'backbone.*'?"), ("head.*", "no parameter is left"),
    ("", "there are backbone.*, neck.*, head.*"),
  ]) func aPatternWithoutParametersIsAnError(pattern: String, message: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try factors(Self.detector) {
        $0.groups = [OptimizerGroup(parameters: "head.*"), OptimizerGroup(parameters: pattern)]
      }
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func layersDecayByTheirDistanceFromTheHead() throws {
    let found = try factors(Self.detector) { $0.layerDecay = 0.5 }
    let expected = [0.0625, 0.0625, 0.125, 0.25, 0.5, 1, 1, 1]
    #expect(Self.detector.map { found[$0]?.first } == expected)
  }

  @Test func aClassifiersHeadLearnsAtTheFullRate() throws {
    let transformer = [
      "cls_token.weight", "blocks.0.attn.weight", "blocks.0.mlp.0.weight", "blocks.1.attn.weight",
      "norm.weight", "head.weight",
    ]
    let found = try factors(transformer) { $0.layerDecay = 0.5 }
    #expect(transformer.map { found[$0]?.first } == [0.125, 0.25, 0.25, 0.5, 1, 1])
    let mobile = ["features.0.0.weight", "features.1.conv.0.weight", "classifier.3.weight"]
    let others = try factors(mobile) { $0.layerDecay = 0.5 }
    #expect(mobile.map { others[$0]?.first } == [0.25, 0.5, 1])
  }

  @Test func layerDecayNeedsBlocks() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try factors(["conv.weight"]) { $0.layerDecay = 0.5 }
    }
    #expect(error?.description.contains("no numbered blocks") == true)
  }

  @Test(arguments: [
    ("*", "a.b", true), ("a.*", "a.b.c", true), ("a.*", "ab", false), ("*.bias", "x.y.bias", true),
    ("*.bias", "x.bias.y", false), ("a?c", "abc", true), ("a?c", "ac", false),
    ("*a*b*", "xaxxbx", true), ("*aab", "aaab", true), ("a", "a", true), ("", "a", false),
  ]) func patternsMatch(pattern: String, name: String, isMatch: Bool) {
    #expect(OptimizerGroup(parameters: pattern).matches(name) == isMatch)
  }
}
