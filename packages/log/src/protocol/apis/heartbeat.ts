/**
 * Heartbeat, API key 12, versions 0 to 4.
 *
 * - 1: response gains throttleTimeMs
 * - 3: request gains groupInstanceId
 * - 4: flexible
 */
export const heartbeat = {
  key: 12,
  name: 'Heartbeat',
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: 'string',
    generationId: 'int32',
    memberId: 'string',
    groupInstanceId: { type: 'string', versions: '3+', nullable: true, default: null },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    errorCode: 'int16',
  },
} as const
