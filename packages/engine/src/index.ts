export {}

export { collection } from './connectors/collection.ts'
export { discard } from './connectors/discard.ts'
