// What a program that imports OTX works with: the engine's vocabulary, data and recipes, and what a
// model of one's own is made of.
@_exported public import OTXCore
@_exported public import OTXData
@_exported public import OTXImage
@_exported public import OTXModels
@_exported public import OTXNN
@_exported public import OTXRecipe
@_exported public import OTXTensor
@_exported public import OTXTorch
@_exported public import OTXTuning
@_exported public import OTXWeights
