package server

import (
	"net/http"

	"larder/metrics"
)

// metrics serves /metrics.
func (s *Server) metrics(x *exchange) {
	x.write(http.StatusOK, metrics.ContentType, s.config.Metrics.Prometheus())
}

// count counts a read, or a request that was refused.
func (s *Server) count(x *exchange) {
	read := metrics.Read{How: x.how, Age: x.age, Refused: x.refusal != nil}
	if x.failure != nil {
		read.Failure, read.Age = x.failure.Class, 0
	}
	s.config.Metrics.Read(read)
}
