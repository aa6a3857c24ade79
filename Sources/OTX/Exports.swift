// What a program that imports OTX works with.
@_exported public import OTXCore
@_exported public import OTXData
@_exported public import OTXRecipe
