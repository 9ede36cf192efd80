/**
 * FindCoordinator, API key 10, versions 0 to 6.
 *
 * - 1: request gains keyType; response gains throttleTimeMs, errorMessage
 * - 3: flexible
 * - 4: request gains coordinatorKeys; request loses key; response gains coordinators; response loses errorCode, errorMessage, nodeId, host, port
 */
export const findCoordinator = {
  key: 10,
  name: 'FindCoordinator',
  versions: '0-6',
  flexible: '3+',
  request: {
    key: { type: 'string', versions: '0-3' },
    keyType: { type: 'int8', versions: '1+' },
    coordinatorKeys: { type: 'array', versions: '4+', of: 'string' },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    errorCode: { type: 'int16', versions: '0-3' },
    errorMessage: { type: 'string', versions: '1-3', nullable: true, ignorable: true },
    nodeId: { type: 'int32', versions: '0-3' },
    host: { type: 'string', versions: '0-3' },
    port: { type: 'int32', versions: '0-3' },
    coordinators: {
      type: 'array',
      versions: '4+',
      of: {
        key: 'string',
        nodeId: 'int32',
        host: 'string',
        port: 'int32',
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true, ignorable: true },
      },
    },
  },
} as const
