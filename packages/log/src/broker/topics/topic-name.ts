/** Why Kafka would refuse a topic's name; undefined if it would not. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty'
  if (name === '.' || name === '..') return `the name may not be '${name}'`
  if (name.length > 249) return 'the name is longer than 249 characters'
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return 'the name has characters other than ASCII letters, digits, ., _ and -'
  return undefined
}

/** Names that are the same to metrics, where `.` becomes `_`, collide. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

/** Topics of the broker's own. */
export function isInternalTopic(name: string): boolean {
  return name === '__consumer_offsets' || name === '__transaction_state'
}
