using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;

/// <summary>A service as the environment names it; <c>fpga call-info</c> prints these variables.</summary>
/// <param name="Host">The name that its certificate bears.</param>
/// <param name="Port">Of gRPC.</param>
/// <param name="Address">Where it is; null: the system's resolver tells.</param>
/// <param name="Roots">PEM file of the roots to trust; null: those of the system.</param>
/// <param name="Key">The primary or the secondary one.</param>
/// <param name="Timeout">The deadline of each call.</param>
sealed record Service(string Host, string Port, string? Address, string? Roots, string Key, TimeSpan Timeout)
{
    public static Service FromEnvironment() => new(
        Required("FPGA_SERVICE_HOST"),
        Required("FPGA_SERVICE_PORT"),
        Optional("FPGA_SERVICE_ADDRESS"),
        Optional("FPGA_SERVICE_ROOTS"),
        Required("FPGA_SERVICE_KEY"),
        TimeSpan.FromSeconds(
            double.Parse(Optional("FPGA_SERVICE_TIMEOUT") ?? "30", CultureInfo.InvariantCulture)));

    /// <summary>A channel with TLS and the key, which is sent with each call and never without TLS.</summary>
    public GrpcChannel Open() => GrpcChannel.ForAddress($"https://{Host}:{Port}", new GrpcChannelOptions
    {
        HttpHandler = Connection.To(Address, Roots),
        DisposeHttpClient = true,
        Credentials = ChannelCredentials.Create(
            ChannelCredentials.SecureSsl,
            CallCredentials.FromInterceptor((_, metadata) =>
            {
                metadata.Add("authorization", $"Bearer {Key}");
                return Task.CompletedTask;
            })),
        ServiceConfig = new ServiceConfig
        {
            MethodConfigs =
            {
                new MethodConfig
                {
                    Names = { new MethodName { Service = "tensorflow.serving.PredictionService" } },
                    RetryPolicy = new RetryPolicy
                    {
                        MaxAttempts = 5,
                        InitialBackoff = TimeSpan.FromSeconds(1),
                        BackoffMultiplier = 2,
                        MaxBackoff = TimeSpan.FromSeconds(5),
                        RetryableStatusCodes = { StatusCode.Unavailable },
                    },
                },
            },
        },
    });

    /// <summary>Options of a call that begins now. Here a call says whether it waits, not the service config.</summary>
    public CallOptions Options(bool waits) =>
        new CallOptions(deadline: DateTime.UtcNow + Timeout).WithWaitForReady(waits);

    private static string Required(string name) =>
        Optional(name) ?? throw new InvalidOperationException($"{name} is not set");

    private static string? Optional(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
