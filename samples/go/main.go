// Command score has photos scored by a service: score PHOTO…
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"google.golang.org/grpc/status"

	"example.com/score/pb"
)

//go:generate ./generate.sh

func main() {
	if err := run(os.Args[1:]); err != nil {
		if told, ok := status.FromError(err); ok {
			// UNAVAILABLE also where the certificate is not trusted.
			err = fmt.Errorf("%s: %s", told.Code(), told.Message())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(photos []string) error {
	service, err := serviceFromEnvironment()
	if err != nil {
		return err
	}
	connection, err := service.dial()
	if err != nil {
		return err
	}
	defer connection.Close()

	// Without waiting: tells at once what is wrong with name, certificate or key.
	if err := service.call(func(ctx context.Context) error {
		_, err := pb.NewModelServiceClient(connection).GetModelStatus(ctx, &pb.GetModelStatusRequest{})
		return err
	}); err != nil {
		return err
	}
	predictions := pb.NewPredictionServiceClient(connection)
	for _, photo := range photos {
		content, err := os.ReadFile(photo)
		if err != nil {
			return err
		}
		var response *pb.PredictResponse
		if err := service.call(func(ctx context.Context) error {
			response, err = predictions.Predict(ctx, request(content))
			return err
		}); err != nil {
			return err
		}
		told, err := best(response)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", photo, told)
	}
	return nil
}

// call gives a call its deadline.
func (s *service) call(do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return do(ctx)
}

// request asks for one photo's scores, and for the labels.
func request(photo []byte) *pb.PredictRequest {
	return &pb.PredictRequest{
		Inputs: map[string]*pb.TensorProto{
			"images": {
				Dtype:       pb.DataType_DT_STRING,
				TensorShape: &pb.TensorShapeProto{Dim: []*pb.TensorShapeProto_Dim{{Size: 1}}},
				StringVal:   [][]byte{photo},
			},
		},
		OutputFilter: []string{"output_alias", "labels"},
	}
}

// best tells the best class and its score. A model without labels has numbers.
func best(response *pb.PredictResponse) (string, error) {
	content := response.GetOutputs()["output_alias"].GetTensorContent()
	if len(content) < 4 {
		return "", errors.New("the answer has no scores")
	}
	winner, highest := 0, float32(math.Inf(-1))
	for at := 0; at+4 <= len(content); at += 4 {
		if score := math.Float32frombits(binary.LittleEndian.Uint32(content[at:])); score > highest {
			winner, highest = at/4, score
		}
	}
	label := fmt.Sprintf("class %d", winner)
	if labels := response.GetOutputs()["labels"].GetStringVal(); winner < len(labels) {
		label = string(labels[winner])
	}
	return fmt.Sprintf("%s (%.2f%%)", label, 100*highest), nil
}

// secondsOr reads a number of seconds.
func secondsOr(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	return time.ParseDuration(text + "s")
}
