/// The batch of a task that needs nothing besides its pictures, stacked, and its samples.
public struct EntityBatch<Entity: DataEntity>: BatchDataEntity {
  public let images: ImageBatch
  public let entities: [Entity]

  public init(collating entities: [Entity]) throws {
    images = try ImageBatch(stacking: entities.map(\.image))
    self.entities = entities.map { entity in
      var entity = entity
      entity.image = .empty
      return entity
    }
  }
}
