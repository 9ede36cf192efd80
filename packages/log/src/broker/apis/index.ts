/** Every API that is served, each in its file. ApiVersions tells of these and no other. */
import { serve, type ServedHandler } from '../dispatcher.ts'
import { apiVersions } from './api-versions.ts'
import { createTopics } from './admin/create-topics.ts'
import { deleteTopics } from './admin/delete-topics.ts'
import { fetch } from './data/fetch.ts'
import { initProducerId } from './init-producer-id.ts'
import { listOffsets } from './data/list-offsets.ts'
import { metadata } from './admin/metadata.ts'
import { produce } from './data/produce.ts'
import { alterUserScramCredentials } from './security/alter-user-scram-credentials.ts'
import { createAcls } from './security/create-acls.ts'
import { deleteAcls } from './security/delete-acls.ts'
import { describeAcls } from './security/describe-acls.ts'
import { describeUserScramCredentials } from './security/describe-user-scram-credentials.ts'
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
  serve(describeAcls),
  serve(createAcls),
  serve(deleteAcls),
  serve(describeUserScramCredentials),
  serve(alterUserScramCredentials),
]
