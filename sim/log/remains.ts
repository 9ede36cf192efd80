/** What a death has left on the disk, before anybody repairs it. */
import type { Disk } from '@millrace/core'
import { records } from '@millrace/log'

export interface Remains {
  /** Of the records in whole batches. */
  readonly values: ReadonlySet<string>
  /** A log ends in bytes that are no whole batch. */
  readonly isTorn: boolean
}

export async function remainsOf(disk: Disk, folders: readonly string[]): Promise<Remains> {
  const values = new Set<string>()
  let isTorn = false
  for (const folder of folders) {
    const names = await disk.list(folder).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.log'))) {
      const bytes = await disk.readFile(`${folder}/${name}`)
      const cursor = new records.BatchCursor(bytes, { verifyCrc: true })
      for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
        for (const { value } of records.records(batch)) values.add(Buffer.from(value ?? []).toString())
      }
      isTorn ||= cursor.position < bytes.length
    }
  }
  return { values, isTorn }
}

/** A log on the disk. */
export interface FoundFolder {
  readonly path: string
  /** 'topic-partition' */
  readonly name: string
  /** Whether it is on its way there from another directory. */
  readonly isCopy: boolean
}

export async function logFolders(disk: Disk, dirs: readonly string[]): Promise<readonly FoundFolder[]> {
  const found: FoundFolder[] = []
  for (const dir of dirs) {
    for (const entry of await disk.list(dir)) {
      const match = /^(.+-\d+)(\.[^.]+-future)?$/.exec(entry)
      if (match !== null) found.push({ path: `${dir}/${entry}`, name: match[1]!, isCopy: match[2] !== undefined })
    }
  }
  return found
}
