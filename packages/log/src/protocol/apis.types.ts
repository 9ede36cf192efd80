/** What the types of messages infer from their declarations; checked by the compiler alone. */
import type { ApiRequest, ApiRequestToSend, ApiResponse, ApiResponseToSend } from './apis.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function holds<T extends true>(): T | undefined {
  return undefined
}

// Decoded messages have every field; null only where some version allows it.
holds<Equal<ApiRequest<'Produce'>['transactionalId'], string | null>>()
holds<Equal<ApiRequest<'Produce'>['acks'], number>>()
holds<Equal<ApiRequest<'Produce'>['topicData'][number]['topicId'], Uint8Array>>()
holds<Equal<ApiRequest<'Produce'>['topicData'][number]['partitionData'][number]['records'], Uint8Array | null>>()
holds<Equal<ApiRequest<'FindCoordinator'>['coordinatorKeys'], readonly string[]>>()
holds<Equal<ApiRequest<'DescribeTopicPartitions'>['cursor'], { readonly topicName: string; readonly partitionIndex: number } | null>>()
holds<Equal<ApiResponse<'ApiVersions'>['zkMigrationReady'], boolean>>()

// Messages to send may leave out what has a default or is not in every version.
export const heartbeat: ApiRequestToSend<'Heartbeat'> = { groupId: 'g', generationId: 1, memberId: 'm' }
export const answer: ApiResponseToSend<'Heartbeat'> = { errorCode: 0 }
// @ts-expect-error memberId is in every version and has no default
export const incomplete: ApiRequestToSend<'Heartbeat'> = { groupId: 'g', generationId: 1 }
// @ts-expect-error there is no such field
export const unknown: ApiResponseToSend<'Heartbeat'> = { errorCode: 0, errorCodes: 1 }
// @ts-expect-error a group id may not be null
export const nulled: ApiRequestToSend<'Heartbeat'> = { groupId: null, generationId: 1, memberId: 'm' }
// @ts-expect-error a decoded message is not to be changed
export const changed = (request: ApiRequest<'Heartbeat'>): number => (request.generationId = 2)
