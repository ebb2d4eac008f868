// Has photos scored by a service: dotnet run -- PHOTO…

using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using Tensorflow;
using Tensorflow.Serving;

try
{
    var service = Service.FromEnvironment();
    using var channel = service.Open();
    // Without waiting: tells at once what is wrong with name, certificate or key.
    var models = new ModelService.ModelServiceClient(channel);
    await models.GetModelStatusAsync(new GetModelStatusRequest(), service.Options(waits: false));
    var predictions = new PredictionService.PredictionServiceClient(channel);
    foreach (var photo in args)
    {
        var request = Request(await File.ReadAllBytesAsync(photo));
        var response = await predictions.PredictAsync(request, service.Options(waits: true));
        Console.WriteLine($"{photo}: {Best(response)}");
    }
    return 0;
}
catch (RpcException error)
{
    // Unavailable also where the certificate is not trusted, which .NET alone calls Internal.
    var code = Connection.IsUntrusted(error) ? StatusCode.Unavailable : error.StatusCode;
    Console.Error.WriteLine($"{code}: {error.Status.Detail}");
    return 1;
}
catch (Exception error) when (error is InvalidOperationException or IOException)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}

// A request to score one photo, and to tell the labels.
static PredictRequest Request(byte[] photo)
{
    var shape = new TensorShapeProto();
    shape.Dim.Add(new TensorShapeProto.Types.Dim { Size = 1 });
    var image = new TensorProto { Dtype = DataType.DtString, TensorShape = shape };
    image.StringVal.Add(ByteString.CopyFrom(photo));
    var request = new PredictRequest { Inputs = { ["images"] = image } };
    request.OutputFilter.Add(new[] { "output_alias", "labels" });
    return request;
}

// The best class, and its score. A model without labels has numbers.
static string Best(PredictResponse response)
{
    var scores = MemoryMarshal.Cast<byte, float>(response.Outputs["output_alias"].TensorContent.Span);
    var winner = 0;
    for (var at = 1; at < scores.Length; at++)
    {
        winner = scores[at] > scores[winner] ? at : winner;
    }
    var label = response.Outputs.TryGetValue("labels", out var labels)
        ? labels.StringVal[winner].ToStringUtf8()
        : $"class {winner}";
    return string.Create(CultureInfo.InvariantCulture, $"{label} ({100 * scores[winner]:F2}%)");
}
