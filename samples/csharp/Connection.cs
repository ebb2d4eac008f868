using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;

/// <summary>How a channel connects: where to, and whom it trusts.</summary>
static class Connection
{
    /// <summary>A handler that connects to an address, and verifies the certificate by the name in the URL.</summary>
    /// <param name="address">Where the service is; null: the system's resolver tells.</param>
    /// <param name="roots">PEM file of the roots to trust; null: those of the system.</param>
    public static SocketsHttpHandler To(string? address, string? roots)
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        if (roots is not null)
        {
            // .NET reads no GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: private roots are handed over.
            handler.SslOptions.CertificateChainPolicy = Trusting(roots);
        }
        if (address is not null)
        {
            handler.ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }
        return handler;
    }

    /// <summary>Whether a call failed because the certificate is not trusted, or is of another name.</summary>
    public static bool IsUntrusted(RpcException error)
    {
        for (var cause = error.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationException)
            {
                return true;
            }
        }
        return false;
    }

    private static X509ChainPolicy Trusting(string roots)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(roots);
        return policy;
    }
}
