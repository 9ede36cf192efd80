/** Topics of the bench: filled, and read to their ends. */
import type { LogClient } from '@millrace/log/client'
import { Checksum, recordOf } from './records.ts'

/** Writes records `first` to `last`, which is left out, dealt out to the partitions in turn. */
export async function fill(client: LogClient, topic: string, partitions: number, [first, last]: readonly [number, number]): Promise<void> {
  const producer = client.producer({ batchBytes: 524_288, lingerMs: 20 })
  for (let n = first; n < last; n++) {
    if (!producer.append({ topic, partition: n % partitions, value: recordOf(n) })) await producer.ready()
  }
  await producer.close()
}

/** Counts and adds up all that a reader that reads committed sees of a topic. */
export async function checksumOf(client: LogClient, topic: string, partitions: number): Promise<string> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const latest = all.map((at) => ({ ...at, spec: 'latest' as const }))
  const ends = await client.admin.listOffsets(latest, 'read_committed')
  const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 20, partitionMaxBytes: 4_194_304 })
  fetcher.assign(all.map((at) => ({ ...at, start: 'earliest' as const })))
  const checksum = new Checksum()
  while (!ends.every(({ offset, ...at }) => (fetcher.position(at)?.offset ?? -1) >= offset)) {
    for (const { records } of await fetcher.poll({ waitMs: 50 })) for (const { value } of records) checksum.add(value!)
  }
  fetcher.close()
  return checksum.toString()
}
