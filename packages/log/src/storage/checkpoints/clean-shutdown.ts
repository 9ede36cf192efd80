import type { Disk } from '@millrace/core'
import { readIfPresent, removeIfPresent, writeAtomically } from './atomic-file.ts'

export const cleanShutdownName = '.kafka_cleanshutdown'

/** Whether the last broker on this directory closed all its logs, and under which broker epoch (-1: not told). */
export type LastShutdown = { readonly clean: false } | { readonly clean: true; readonly brokerEpoch: number }

export async function writeCleanShutdown(disk: Disk, path: string, brokerEpoch: number): Promise<void> {
  await writeAtomically(disk, path, Buffer.from(JSON.stringify({ version: 0, brokerEpoch })))
}

/** A marker that cannot be read still tells of a clean shutdown: older brokers write an empty one. */
export async function readCleanShutdown(disk: Disk, path: string): Promise<LastShutdown> {
  const bytes = await readIfPresent(disk, path)
  if (bytes === undefined) return { clean: false }
  try {
    const marker = JSON.parse(Buffer.from(bytes).toString('utf8')) as { brokerEpoch?: unknown }
    const { brokerEpoch } = marker
    return { clean: true, brokerEpoch: typeof brokerEpoch === 'number' && Number.isSafeInteger(brokerEpoch) ? brokerEpoch : -1 }
  } catch {
    return { clean: true, brokerEpoch: -1 }
  }
}

export async function removeCleanShutdown(disk: Disk, path: string): Promise<void> {
  await removeIfPresent(disk, path)
}
