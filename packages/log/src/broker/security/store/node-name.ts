/** Names of users, clients and resources as parts of paths: what has a meaning there is escaped, as Kafka's own tools do it. */

/** Stands for everybody who has no entry. No escaped name looks like it. */
export const DEFAULT_NODE = '<default>'

export function toNodeName(name: string | null): string {
  if (name === null) return DEFAULT_NODE
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E')
  return encodeURIComponent(name).replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

export function fromNodeName(node: string): string | null {
  return node === DEFAULT_NODE ? null : decodeURIComponent(node)
}
