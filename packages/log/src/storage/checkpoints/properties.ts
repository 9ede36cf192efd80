/** Java's properties in the simple form that Kafka uses for its own files: `key=value` lines and `#` comments. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!')) continue
    const separator = /[=:]/.exec(trimmed)?.index ?? trimmed.length
    properties.set(unescape(trimmed.slice(0, separator).trim()), unescape(trimmed.slice(separator + 1).trim()))
  }
  return properties
}

export function formatProperties(properties: ReadonlyMap<string, string>): string {
  return Array.from(properties, ([key, value]) => `${escape(key)}=${escape(value)}\n`).join('')
}

function escape(text: string): string {
  return text.replace(/[\\=:#!]/g, (character) => `\\${character}`)
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, '$1')
}
