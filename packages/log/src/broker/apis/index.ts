/** Every API that is served, each in its file. ApiVersions tells of these and no other. */
import { serve, type ServedHandler } from '../dispatcher.ts'
import { apiVersions } from './api-versions.ts'
import { createTopics } from './create-topics.ts'
import { deleteTopics } from './delete-topics.ts'
import { fetch } from './data/fetch.ts'
import { initProducerId } from './init-producer-id.ts'
import { listOffsets } from './data/list-offsets.ts'
import { metadata } from './metadata.ts'
import { produce } from './data/produce.ts'
import { saslAuthenticate } from './security/sasl-authenticate.ts'
import { saslHandshake } from './security/sasl-handshake.ts'

export const HANDLERS: readonly ServedHandler[] = [
  serve(produce),
  serve(fetch),
  serve(listOffsets),
  serve(metadata),
  serve(apiVersions),
  serve(createTopics),
  serve(deleteTopics),
  serve(initProducerId),
  serve(saslHandshake),
  serve(saslAuthenticate),
]
