"""The hands: a Celery worker that carries out jobs."""
