/** Why Kafka would refuse a topic's name; undefined if it would not. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return `Topic name is invalid: '${name}' is not allowed`
  if (name.length > 249) return `Topic name is invalid: the length of '${name.slice(0, 300)}' is longer than the max allowed length 249`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  }
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
