import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Files with rows: tables, and those with long values. */
const TABLES = /\.(?:sst|blob|values)$/

/** What the rows of all RocksDB databases under a folder take, those of checkpoints of theirs (hard links) counted once. */
export function storedTableBytes(folder: string): number {
  const sizes = new Map<number, number>()
  collect(folder, false, sizes)
  return sizes.values().reduce((sum, size) => sum + size, 0)
}

function collect(folder: string, isDatabase: boolean, sizes: Map<number, number>): void {
  for (const entry of gone(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) collect(path, isDatabase || entry.name === 'rocksdb', sizes)
    else if (isDatabase && TABLES.test(entry.name)) {
      const stat = gone(() => statSync(path))
      if (stat !== undefined) sizes.set(stat.ino, stat.size)
    }
  }
}

/** Undefined where what is looked at has been removed meanwhile. */
function gone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
