/** What a client finds in a topic. */
import type { Fetcher, LogClient } from '@millrace/log/client'
import type { Found } from './ledger.ts'

export type Isolation = 'read_committed' | 'read_uncommitted'

export interface FoundRecord extends Found {
  readonly key: string
}

/** Everything up to the end that the topic has when it is asked. */
export async function readTopic(
  client: LogClient,
  topic: string,
  partitions: number,
  isolation: Isolation,
): Promise<readonly FoundRecord[]> {
  const fetcher = client.fetcher({ isolation, maxWaitMs: 5 })
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const queries = places.map((place) => ({ ...place, spec: 'latest' as const }))
  const ends = (await client.admin.listOffsets(queries, isolation)).map(({ offset }) => offset)
  fetcher.assign(places.map((place) => ({ ...place, start: 'earliest' })))
  const found: FoundRecord[] = []
  while (!isReadTo(fetcher, places, ends)) {
    for (const { partition, records } of await fetcher.poll({ waitMs: 50 })) {
      for (const { offset, key, value } of records) found.push({ partition, offset, key: text(key), value: text(value) })
    }
  }
  fetcher.close()
  return found
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString()
}

function isReadTo(fetcher: Fetcher, places: readonly { topic: string; partition: number }[], ends: readonly number[]): boolean {
  return places.every((place, index) => (fetcher.position(place)?.offset ?? 0) >= ends[index]!)
}
