/**
 * The optional packages of the distributed runner, loaded when it is used.
 */
import { missingPackage } from '../../../sdk/missing-package.js'
import type { GrpcPackage } from './grpc-transport.js'

/** What installs them. */
const INSTALL = '@grpc/grpc-js@1 @bufbuild/protobuf@2'

/** gRPC. @throws {PipelineError} with the line that installs it. */
export async function loadGrpc(): Promise<GrpcPackage> {
  try {
    return await import('@grpc/grpc-js')
  } catch (error) {
    return missingPackage('a runner on another engine', INSTALL, error)
  }
}
