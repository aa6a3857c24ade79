import OTXCore
import OTXNN
import OTXTensor
import Testing

@testable import OTXModels

extension Models {
  /// What every backbone of the list promises.
  @Suite struct BackboneContract {
    @Test(arguments: ModelZoo.backbones.map(\.name))
    func levelsAreTrue(name: String) throws {
      let backbone = try ModelZoo.makeBackbone(name)
      backbone.setTraining(false)
      let features = try noGrad { try backbone(.zeros([1, 3, 64, 96])) }
      #expect(backbone.levels == backbone.levels.sorted { $0.stride < $1.stride })
      #expect(
        features.map(\.shape)
          == backbone.levels.map { [1, $0.channels, 64 / $0.stride, 96 / $0.stride] }
      )
    }

    /// A backbone's weights are those of the published model of the name (torchvision's, where it
    /// has it), less the classifier.
    @Test(arguments: ModelZoo.backbones.map(\.name))
    func namesAreThePublishedOnes(name: String) throws {
      let published = try Structure(of: name).tensors
      let own = try ModelZoo.makeBackbone(name).stateDictionary()
        .map { Structure.Entry(name: $0.name, shape: $0.value.shape) }
      #expect(own == Array(published.prefix(own.count)))
      // What is left out serves classification only: the classifier and the layer before it.
      let rest = Set(published.dropFirst(own.count).map { $0.name.split(separator: ".")[0] })
      #expect(rest.isSubset(of: ["fc", "classifier", "features"]))
      #expect(published.count - own.count <= 10)
    }
  }
}
